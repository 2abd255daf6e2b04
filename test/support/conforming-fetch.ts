// Before every test file: whatever a test, or the field's client in it, fetches of a node is held against
// docs/openapi.json, and what is not as declared there fails the test.

const plainFetch = globalThis.fetch;

const isOfNode = ({ pathname }: URL): boolean =>
  /^\/(api\/|health$|health\/|metrics$)/.test(pathname);

/** Streams have no end, and bytes no schema: of those the type alone is looked at. */
const hasSchema = (response: Response): boolean =>
  (response.headers.get('content-type') ?? 'application/json').startsWith('application/json');

globalThis.fetch = async (input, init) => {
  const response = await plainFetch(input, init);
  const url = new URL(input instanceof Request ? input.url : input);
  if (isOfNode(url)) await check(url, init?.method ?? 'GET', response);
  return response;
};

async function check(url: URL, method: string, response: Response): Promise<void> {
  // Where nothing is fetched nothing has to be loaded.
  const { faultOf } = await import('../api/conformance.ts');
  const bytes = hasSchema(response) ? await bodyOf(response) : Buffer.from('not looked at');
  if (bytes === undefined) return;
  const headers = Object.fromEntries(response.headers);
  const isJson = headers['content-type']?.startsWith('application/json') === true;
  const json: unknown = isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
  const path = `${url.pathname}${url.search}`;
  const fault = faultOf({ method, path }, { status: response.status, headers, bytes, json });
  if (fault === undefined) return;
  throw new Error(`${method} ${path} answers what docs/openapi.json does not say: ${fault}`);
}

/** Undefined when the node was gone before its end, as it is where tests kill it; whoever reads the answer is told. */
async function bodyOf(response: Response): Promise<Buffer | undefined> {
  const bytes = await response
    .clone()
    .arrayBuffer()
    .catch(() => undefined);
  return bytes && Buffer.from(bytes);
}
