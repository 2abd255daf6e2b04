// Milestones, of which this network has none yet.
import { Type } from 'typebox';
import { TangleError } from '../../errors.ts';
import { problems } from '../route.ts';
import type { ApiServer } from '../route.ts';

const params = Type.Object({
  index: Type.String({ pattern: '^[0-9]{1,10}$', description: 'a milestone index' }),
});

export function milestonesRoutes(app: ApiServer): void {
  for (const url of ['/api/v1/milestones/:index', '/api/v1/milestones/:index/utxo-changes']) {
    app.route({
      method: 'GET',
      url,
      config: { scope: 'read', limit: 'lookup' },
      schema: { summary: 'a milestone, of which there is none yet', params, response: problems },
      handler: ({ params: { index } }) => {
        throw new TangleError('MILESTONE_NOT_FOUND', `There is no milestone ${index}.`);
      },
    });
  }
}
