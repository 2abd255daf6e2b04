// What a node tells its neighbours of itself.
import type { Heartbeat } from './frames.ts';

/** Without milestones a neighbour whose heartbeats come counts as in sync. */
export function heartbeatOf(
  neighbours: readonly { readonly heartbeat: Heartbeat | undefined }[],
): Heartbeat {
  return {
    solidMilestoneIndex: 0,
    prunedMilestoneIndex: 0,
    latestMilestoneIndex: 0,
    connectedNeighbours: Math.min(255, neighbours.length),
    syncedNeighbours: Math.min(255, neighbours.filter(({ heartbeat }) => heartbeat).length),
  };
}
