// The agent of the tests. For each job the worker runs it in a process of its own: it joins the room and sets an attribute.
import { defineAgent } from '@livekit/agents';

export default defineAgent({
  entry: async (job) => {
    await job.connect();
    await job.room.localParticipant.setAttributes({ said: `hello from ${job.job.metadata || 'nobody'}` });
  },
});
