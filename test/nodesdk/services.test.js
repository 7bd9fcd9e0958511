// All methods of the services other than RoomService, by LiveKit's server SDK for Node.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  AgentDispatchClient,
  ConnectorClient,
  DirectFileOutput,
  EgressClient,
  EncodedFileOutput,
  IngressClient,
  IngressInput,
  RoomServiceClient,
  SIPDispatchRuleInfo,
  SIPInboundTrunkInfo,
  SIPOutboundTrunkInfo,
  SipClient,
  StartEgressRequest,
} from 'livekit-server-sdk';

import { client, newRoom, refused, uncalledMethods } from './server.js';

test('agent dispatches are created, listed and deleted', async () => {
  const name = newRoom();
  const agents = client(AgentDispatchClient);
  const made = await agents.createDispatch(name, 'bot', { metadata: 'm' }); // creates the room
  assert.match(made.id, /^AD_/);
  assert.equal((await client(RoomServiceClient).listRooms([name])).length, 1);
  assert.equal((await agents.getDispatch(made.id, name)).metadata, 'm');
  assert.deepEqual((await agents.listDispatch(name)).map((d) => d.agentName), ['', 'bot'], 'the default dispatch and the created one');
  await agents.deleteDispatch(made.id, name);
  assert.equal((await agents.listDispatch(name)).length, 1);
  await refused(() => agents.deleteDispatch(made.id, name), 'not_found', 404);
  await refused(() => agents.listDispatch('none'), 'not_found', 404);
  await refused(() => agents.createDispatch(name, 'x'.repeat(257)), 'invalid_argument', 400);
  assert.deepEqual(uncalledMethods(AgentDispatchClient), []);
});

test('egress requests fail as unimplemented', async () => {
  const name = newRoom();
  await client(RoomServiceClient).createRoom({ name });
  const egress = client(EgressClient);
  const file = { file: new EncodedFileOutput({ filepath: 'x.mp4' }) };
  assert.deepEqual(await egress.listEgress(), []);
  await refused(() => egress.startRoomCompositeEgress(name, file), 'unimplemented', 501);
  await refused(() => egress.startRoomCompositeEgress('none', file), 'not_found', 404);
  await refused(() => egress.startWebEgress('https://example.org', file), 'unimplemented', 501);
  await refused(() => egress.startParticipantEgress(name, 'ada', file), 'unimplemented', 501);
  await refused(() => egress.startTrackCompositeEgress(name, file, { audioTrackId: 'TR_x' }), 'unimplemented', 501);
  await refused(() => egress.startTrackEgress(name, new DirectFileOutput({ filepath: 'x' }), 'TR_x'), 'unimplemented', 501);
  await refused(() => egress.startEgress(new StartEgressRequest({ roomName: name })), 'unimplemented', 501);
  await refused(() => egress.updateLayout('EG_x', 'grid'), 'not_found', 404);
  await refused(() => egress.updateStream('EG_x', ['rtmp://example.org/x']), 'not_found', 404);
  await refused(() => egress.stopEgress('EG_x'), 'not_found', 404);
  assert.deepEqual(uncalledMethods(EgressClient), []);
});

test('ingress requests fail as unimplemented', async () => {
  const ingress = client(IngressClient);
  const options = { participantIdentity: 'a', roomName: newRoom(), participantName: 'A' };
  assert.deepEqual(await ingress.listIngress({}), []);
  for (const input of [IngressInput.RTMP_INPUT, IngressInput.WHIP_INPUT, IngressInput.URL_INPUT]) {
    await refused(() => ingress.createIngress(input, { ...options, url: 'https://example.org/x.mp4' }), 'unimplemented', 501);
  }
  await refused(() => ingress.updateIngress('IN_x', { name: 'n' }), 'not_found', 404);
  await refused(() => ingress.deleteIngress('IN_x'), 'not_found', 404);
  assert.deepEqual(uncalledMethods(IngressClient), []);
});

test('SIP requests fail as unimplemented', async () => {
  const name = newRoom();
  const sip = client(SipClient);
  for (const list of ['listSipTrunk', 'listSipInboundTrunk', 'listSipOutboundTrunk', 'listSipDispatchRule']) {
    assert.deepEqual(await sip[list](), [], list);
  }
  await refused(() => sip.createSipInboundTrunk('t', ['+1']), 'unimplemented', 501);
  await refused(() => sip.createSipOutboundTrunk('t', 'sip.example.org', ['+1']), 'unimplemented', 501);
  await refused(() => sip.createSipDispatchRule({ type: 'direct', roomName: name, pin: '' }), 'unimplemented', 501);
  await refused(() => sip.createSipParticipant('ST_x', '+1', name), 'unimplemented', 501);
  await refused(() => sip.transferSipParticipant(name, 'caller', 'tel:+1'), 'not_found', 404);
  await refused(() => sip.updateSipInboundTrunk('ST_x', new SIPInboundTrunkInfo()), 'not_found', 404);
  await refused(() => sip.updateSipInboundTrunkFields('ST_x', { name: 'n' }), 'not_found', 404);
  await refused(() => sip.updateSipOutboundTrunk('ST_x', new SIPOutboundTrunkInfo()), 'not_found', 404);
  await refused(() => sip.updateSipOutboundTrunkFields('ST_x', { name: 'n' }), 'not_found', 404);
  await refused(() => sip.updateSipDispatchRule('SDR_x', new SIPDispatchRuleInfo()), 'not_found', 404);
  await refused(() => sip.updateSipDispatchRuleFields('SDR_x', { name: 'n' }), 'not_found', 404);
  await refused(() => sip.deleteSipTrunk('ST_x'), 'not_found', 404);
  await refused(() => sip.deleteSipDispatchRule('SDR_x'), 'not_found', 404);
  await refused(() => sip.createSipTrunk('+1'), 'bad_route', 404); // a method of an older protocol version
  assert.deepEqual(uncalledMethods(SipClient), []);
});

test('services of LiveKit Cloud have no route', async () => {
  const connector = client(ConnectorClient);
  await refused(() => connector.dialWhatsAppCall({}), 'bad_route', 404);
  await refused(() => connector.acceptWhatsAppCall({}), 'bad_route', 404);
  await refused(() => connector.connectWhatsAppCall('x'), 'bad_route', 404);
  await refused(() => connector.disconnectWhatsAppCall('x', 'key'), 'bad_route', 404);
  await refused(() => connector.connectTwilioCall({}), 'bad_route', 404);
  assert.deepEqual(uncalledMethods(ConnectorClient), []);
});
