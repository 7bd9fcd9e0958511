// The agent that LiveKit's worker runs in a process of its own for each job: it joins, says so, and stays.
import { defineAgent } from '@livekit/agents';

export default defineAgent({
  entry: async (job) => {
    await job.connect();
    await job.room.localParticipant.setAttributes({ said: `hello from ${job.job.metadata || 'nobody'}` });
  },
});
