// All routes there are.
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { makeStartAttach } from './attachments.ts';
import type { AttachmentsDeps } from './attachments.ts';
import { describeRoutes, renderOpenApi } from './openapi.ts';
import type { DescribedRoute } from './openapi.ts';
import type { ApiServer } from './route.ts';
import { attachRoutes } from './routes/attach.ts';
import { backupRoutes } from './routes/backup.ts';
import type { BackupDeps } from './routes/backup.ts';
import { databaseRoutes } from './routes/database.ts';
import type { DatabaseDeps } from './routes/database.ts';
import { docsRoutes } from './routes/docs.ts';
import { eventsRoutes } from './routes/events.ts';
import type { EventsDeps } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import type { HealthDeps } from './routes/health.ts';
import { infoRoutes } from './routes/info.ts';
import type { InfoDeps } from './routes/info.ts';
import { jobRoutes } from './routes/jobs.ts';
import type { JobsDeps } from './routes/jobs.ts';
import { ledgerRoutes } from './routes/ledger.ts';
import { messagesRoutes } from './routes/messages.ts';
import type { MessagesDeps } from './routes/messages.ts';
import { metricsRoutes } from './routes/metrics.ts';
import type { MetricsDeps } from './routes/metrics.ts';
import { milestonesRoutes } from './routes/milestones.ts';
import { mqttRoutes } from './routes/mqtt.ts';
import type { MqttRouteDeps } from './routes/mqtt.ts';
import { peersRoutes } from './routes/peers.ts';
import type { PeersDeps } from './routes/peers.ts';
import { powRoutes } from './routes/pow.ts';
import type { PowDeps } from './routes/pow.ts';
import { pinsRoutes } from './routes/pins.ts';
import type { PinsDeps } from './routes/pins.ts';
import type { SpareDeps } from './spare.ts';
import { pruneRoutes } from './routes/prune.ts';
import type { PruneDeps } from './routes/prune.ts';
import { searchRoutes } from './routes/search.ts';
import type { SearchDeps } from './routes/search.ts';
import { syncRoutes } from './routes/sync.ts';
import type { SyncDeps } from './routes/sync.ts';
import { tipsRoutes } from './routes/tips.ts';
import type { TipsDeps } from './routes/tips.ts';
import { tokensRoutes } from './routes/tokens.ts';
import type { TokensRouteDeps } from './routes/tokens.ts';
import { whyRoutes } from './routes/why.ts';
import type { WhyRouteDeps } from './routes/why.ts';

/** What the routes ask of the rest of the node. */
export interface RouteDeps
  extends
    Omit<AttachmentsDeps, 'clock'>,
    Pick<JobsDeps, 'counts' | 'log' | 'nodeNumber'>,
    BackupDeps,
    DatabaseDeps,
    HealthDeps,
    InfoDeps,
    MetricsDeps,
    MqttRouteDeps,
    PeersDeps,
    PowDeps,
    Pick<PruneDeps, 'pruner'>,
    SpareDeps,
    SyncDeps,
    TipsDeps,
    TokensRouteDeps,
    WhyRouteDeps {
  readonly store: EventsDeps['store'] &
    MessagesDeps['store'] &
    PinsDeps['store'] &
    SearchDeps['store'];
  readonly watchStored: EventsDeps['watchStored'];
  readonly clock?: Clock | undefined;
}

/** Returns what the routes say of themselves. */
export function addRoutes(app: ApiServer, given: RouteDeps): readonly DescribedRoute[] {
  const deps = { ...given, clock: given.clock ?? systemClock };
  const routes = describeRoutes(app);
  const startAttach = makeStartAttach(deps);
  healthRoutes(app, deps);
  infoRoutes(app, deps);
  tipsRoutes(app, deps);
  attachRoutes(app, { ...deps, startAttach });
  jobRoutes(app, { ...deps, startAttach });
  powRoutes(app, deps);
  messagesRoutes(app, deps);
  searchRoutes(app, deps);
  eventsRoutes(app, deps);
  mqttRoutes(app, deps);
  whyRoutes(app, deps);
  peersRoutes(app, deps);
  tokensRoutes(app, deps);
  syncRoutes(app, deps);
  pruneRoutes(app, deps);
  pinsRoutes(app, deps);
  metricsRoutes(app, deps);
  backupRoutes(app, deps);
  databaseRoutes(app, deps);
  milestonesRoutes(app);
  ledgerRoutes(app);
  let document: ReturnType<typeof renderOpenApi> | undefined;
  docsRoutes(app, {
    document: () => (document ??= renderOpenApi(routes, deps.info().version)),
  });
  return routes;
}
