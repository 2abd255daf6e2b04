// Reads a stream of server-sent events as nodes write them: one line of data each, and line feeds.
const maxEventLength = 64 * 1024;

/** The data of each event, until the stream ends or an event is longer than any node writes. */
export async function* eventData(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const events = (rest + chunk).split('\n\n');
    rest = events.pop() ?? '';
    if (rest.length > maxEventLength) return;
    yield* events.flatMap(dataLines);
  }
}

function dataLines(event: string): string[] {
  const start = 'data: ';
  const lines = event.split('\n').filter((line) => line.startsWith(start));
  return lines.map((line) => line.slice(start.length));
}
