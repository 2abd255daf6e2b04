// What needs a ledger, which this node does not keep.
import { TangleError } from '../../errors.ts';
import { problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

const paths = ['outputs/*', 'addresses/*', 'treasury', 'receipts', 'receipts/*', 'transactions/*'];

export function ledgerRoutes(app: ApiServer): void {
  for (const path of paths) {
    app.route({
      method: 'GET',
      url: `/api/v1/${path}`,
      config: { scope: 'read', limit: 'lookup' },
      schema: { summary: 'needs a ledger, which this node does not keep', response: problems },
      handler: () => {
        throw new TangleError(
          'NO_LEDGER',
          'This node keeps no ledger; ask it for messages, not for what they move.',
        );
      },
    });
  }
}
