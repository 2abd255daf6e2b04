// Signs of life on a terminal. They go to standard error, so that what a command prints stays clean.
import { Presets, SingleBar } from 'cli-progress';

const frames = Array.from('⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏');
const frameMs = 100;
const usualColumns = 80;
const clearLine = '\r\u001B[K';

/** Shows `label` and the seconds that passed while `work` runs; silent where nobody watches. */
export async function withSpinner<T>(label: string, work: Promise<T>): Promise<T> {
  const { stderr } = process;
  if (!stderr.isTTY) return work;
  let frame = 0;
  const timer = setInterval(() => {
    const seconds = Math.floor((frame * frameMs) / 1000);
    stderr.write(`${clearLine}${frames[frame % frames.length]} ${label} ${seconds} s`);
    frame += 1;
  }, frameMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    stderr.write(clearLine);
  }
}

export interface StatusLine extends Disposable {
  show(text: string): void;
  /** Makes room for another line; the text comes back when it is shown again. */
  clear(): void;
}

const nothing = (): void => undefined;

/** One line that is written anew each time; silent where nobody watches. */
export function openStatusLine(): StatusLine {
  const { stderr } = process;
  if (!stderr.isTTY) return { show: nothing, clear: nothing, [Symbol.dispose]: nothing };
  let isShown = false;
  const clear = (): void => {
    if (isShown) stderr.write(clearLine);
    isShown = false;
  };
  return {
    show: (text) => {
      isShown = true;
      // A line that wraps could not be cleared; some terminals say that they are 0 columns wide.
      stderr.write(clearLine + text.slice(0, (stderr.columns || usualColumns) - 1));
    },
    clear,
    [Symbol.dispose]: clear,
  };
}

export interface Progress extends Disposable {
  update(done: number, total: number): void;
}

/** A bar on a terminal, elsewhere a line for each tenth. */
export function openProgress(label: string): Progress {
  return process.stderr.isTTY ? openBar(label) : openLines(label);
}

function openBar(label: string): Progress {
  const format = `${label} {bar} {percentage}% | {value}/{total} | {eta_formatted} left`;
  const bar = new SingleBar(
    // The estimate is no number before there are two updates.
    {
      format,
      stream: process.stderr,
      formatTime: (seconds) => (Number.isFinite(seconds) ? `${seconds} s` : '?'),
    },
    Presets.shades_classic,
  );
  return {
    update: (done, total) => {
      if (!bar.isActive) bar.start(total, done);
      bar.setTotal(total);
      bar.update(done);
    },
    [Symbol.dispose]: () => bar.stop(),
  };
}

function openLines(label: string): Progress {
  let tenthsTold = 0;
  return {
    update: (done, total) => {
      const tenths = total === 0 ? 0 : Math.floor((done / total) * 10);
      if (tenths <= tenthsTold) return;
      tenthsTold = tenths;
      process.stderr.write(`${label} ${done} of ${total}\n`);
    },
    [Symbol.dispose]: () => undefined,
  };
}
