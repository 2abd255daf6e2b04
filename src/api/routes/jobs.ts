// New messages, for clients that do not wait: a job to ask after, to listen to, to cancel.
import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../log.ts';
import { attachSchema } from '../attach-body.ts';
import type { AttachBody } from '../attach-body.ts';
import type { AttachState } from '../attachment.ts';
import type { StartAttach } from '../attachments.ts';
import { takeBytes } from '../body.ts';
import { makeHolderOf } from '../clients.ts';
import type { ClientOf } from '../clients.ts';
import { closeOf } from '../close.ts';
import type { ApiCounts } from '../counts.ts';
import { eventsSchema, makeServeEvents } from '../event-stream.ts';
import { makeFaultLog } from '../fault-log.ts';
import { JobEvents } from '../job-events.ts';
import { Jobs } from '../jobs.ts';
import type { Job } from '../jobs.ts';
import { problemOf } from '../problem.ts';
import { dataOf, hex, problemSchema, problems } from '../route.ts';
import type { ApiServer } from '../route.ts';
import { makeTellSpare } from '../spare.ts';
import type { SpareDeps } from '../spare.ts';

export interface JobsDeps extends SpareDeps {
  readonly counts: ApiCounts;
  readonly startAttach: StartAttach;
  /** 0 to 255; ids of jobs begin with it. */
  readonly nodeNumber?: number | undefined;
  readonly clientOf: ClientOf;
  readonly clock: Clock;
  readonly log: Logger;
}

const attachUrl = '/api/midge/v1/attach';
const jobUrl = `${attachUrl}/:jobId`;

/** Of all clients together; each holds a connection. */
export const maxListeners = 256;

/** A refusal is told at once if it comes this soon; later it is the result of the job. */
const admissionMs = 1000;

const params = Type.Object({ jobId: hex('16 bytes') });

const jobSchema = Type.Object({
  jobId: hex('16 bytes'),
  state: Type.Enum(['queued', 'mining', 'done', 'failed']),
  progress: Type.Optional(
    Type.Object({
      position: Type.Integer({ description: 'place in the queue; 1 is next, 0 while it is mined' }),
      hashes: Type.Number({ description: 'tried so far' }),
      expectedHashes: Type.Number({ description: 'needed on average' }),
      hashesPerSecond: Type.Number(),
      expectedMs: Type.Number({ description: 'from now on to the nonce, on average' }),
    }),
  ),
  messageId: Type.Optional(hex('32 bytes')),
  error: Type.Optional(problemSchema.properties.error),
});

export function jobRoutes(app: ApiServer, deps: JobsDeps): void {
  const jobs = new Jobs(deps.clock, deps.nodeNumber);
  postRoute(app, jobs, deps);
  eventsRoute(app, jobs, deps);

  app.route({
    method: 'GET',
    url: jobUrl,
    config: { scope: 'attach', limit: 'lookup' },
    schema: {
      summary: 'a job: how far it is, or its result',
      params,
      response: { 200: dataOf(jobSchema), ...problems },
    },
    handler: ({ params: { jobId } }) => {
      const job = jobs.get(jobId);
      return { data: jobView(job, job.attachment.state) };
    },
  });

  app.route({
    method: 'DELETE',
    url: jobUrl,
    config: { scope: 'attach', limit: 'lookup' },
    schema: { summary: 'cancel a job', params, response: { 204: Type.Null(), ...problems } },
    handler: ({ params: { jobId } }, reply) => {
      jobs.cancel(jobId);
      void reply.code(204);
      return null;
    },
  });
}

function postRoute(app: ApiServer, jobs: Jobs, deps: JobsDeps): void {
  const { startAttach, clientOf, log } = deps;
  const logFault = makeFaultLog(log);
  app.route<{ Body: AttachBody }>({
    method: 'POST',
    url: attachUrl,
    config: { scope: 'attach', limit: 'queue' },
    schema: {
      summary: 'attach a message as a job, without waiting',
      ...attachSchema,
      response: { 202: dataOf(jobSchema), ...problems },
    },
    onRequest: takeBytes,
    onSend: makeTellSpare(deps),
    handler: async (request, reply) => {
      const attachment = startAttach(request);
      attachment.want(closeOf(reply));
      await Promise.race([attachment.admitted, delay(admissionMs, undefined, { ref: false })]);
      if (attachment.state.name === 'failed') throw attachment.state.error;
      const { id: requestId } = request;
      const job = jobs.jobOf({ attachment, client: clientOf(request), requestId });
      attachment.onEnd((end) => {
        if (end.name === 'failed') logFault(end.error, requestId);
      });
      const data = jobView(job, attachment.state);
      return reply.code(202).header('location', `${attachUrl}/${job.id}`).send({ data });
    },
  });
}

function eventsRoute(app: ApiServer, jobs: Jobs, { counts, clientOf }: JobsDeps): void {
  const holderOf = makeHolderOf(clientOf);
  const serve = makeServeEvents(counts, 'jobs', { maxListeners, holderOf });
  app.route({
    method: 'GET',
    url: `${jobUrl}/events`,
    config: { scope: 'attach', limit: 'stream' },
    // A HEAD would have to wait for the end.
    exposeHeadRoute: false,
    schema: {
      summary: 'the progress of a job, until its result',
      params,
      response: { 200: eventsSchema, ...problems },
    },
    handler: ({ params: { jobId } }, reply) => {
      const job = jobs.get(jobId);
      return serve(reply, () => new JobEvents(job.attachment, (state) => jobView(job, state)));
    },
  });
}

function jobView({ id, requestId }: Job, state: AttachState): Static<typeof jobSchema> {
  const job = { jobId: id, state: state.name };
  if (state.name === 'done') return { ...job, messageId: state.messageId };
  if (state.name === 'failed') return { ...job, ...problemOf(state.error, requestId).body };
  if (state.progress === undefined) return job;
  const { state: _, ...progress } = state.progress;
  return { ...job, progress };
}
