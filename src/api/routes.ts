// All routes there are.
import type { ApiServer } from './route.ts';
import { attachRoutes } from './routes/attach.ts';
import type { AttachDeps } from './routes/attach.ts';
import { healthRoutes } from './routes/health.ts';
import type { HealthDeps } from './routes/health.ts';
import { infoRoutes } from './routes/info.ts';
import type { InfoDeps } from './routes/info.ts';
import { ledgerRoutes } from './routes/ledger.ts';
import { messagesRoutes } from './routes/messages.ts';
import type { MessagesDeps } from './routes/messages.ts';
import { milestonesRoutes } from './routes/milestones.ts';
import { searchRoutes } from './routes/search.ts';
import type { SearchDeps } from './routes/search.ts';
import { tipsRoutes } from './routes/tips.ts';
import type { TipsDeps } from './routes/tips.ts';

/** What the routes ask of the rest of the node. */
export interface RouteDeps extends AttachDeps, HealthDeps, InfoDeps, TipsDeps {
  readonly store: MessagesDeps['store'] & SearchDeps['store'];
}

export function addRoutes(app: ApiServer, deps: RouteDeps): void {
  healthRoutes(app, deps);
  infoRoutes(app, deps);
  tipsRoutes(app, deps);
  attachRoutes(app, deps);
  messagesRoutes(app, deps);
  searchRoutes(app, deps);
  milestonesRoutes(app);
  ledgerRoutes(app);
}
