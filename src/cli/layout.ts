// Text in columns, for help and for everything else that is printed for people.
import { styleText } from 'node:util';

interface LayoutOptions {
  readonly indent?: number;
  readonly width?: number;
}

const gap = 2;

const widest = 100;

/** Narrower than this nothing is laid out; some terminals say that they are 0 columns wide. */
const narrowest = 40;

/** How wide text may be: as the terminal, but not so wide that lines are hard to read. */
export function readableWidth(columns: number | undefined = process.stdout.columns): number {
  return columns === undefined || columns < narrowest ? widest : Math.min(columns, widest);
}

/**
 * Rows of cells under each other. The last cell of a row is wrapped to `width` and widens no column, so
 * a row of one cell can be a title. Cells must be free of control characters.
 */
export function alignColumns(
  rows: readonly (readonly string[])[],
  { indent = 0, width = Infinity }: LayoutOptions = {},
): string {
  const widthOf = (column: number): number =>
    Math.max(...rows.map((row) => (column < row.length - 1 ? (row[column]?.length ?? 0) : 0)));
  const lines = rows.map((row) => {
    const cells = row.slice(0, -1).map((cell, column) => cell.padEnd(widthOf(column) + gap));
    const before = ' '.repeat(indent) + cells.join('');
    const lineBreak = `\n${' '.repeat(before.length)}`;
    return (before + wrap(row.at(-1) ?? '', width - before.length).join(lineBreak)).trimEnd();
  });
  return lines.join('\n');
}

/** The lines of a paragraph; a word that is longer than `width` keeps a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines;
}

/** `1 message`, `2 messages`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const byteUnits = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `512 bytes`, `1.5 MiB`: three digits at the most, and no more than a person compares. */
export function bytesWords(sizeBytes: number): string {
  const power = sizeBytes < 1 ? 0 : Math.min(Math.floor(Math.log2(sizeBytes) / 10), 4);
  const size = sizeBytes / 1024 ** power;
  return `${size < 10 && power > 0 ? size.toFixed(1) : Math.round(size)} ${byteUnits[power]}`;
}

/** Bold on a terminal. */
export function heading(text: string): string {
  return styleText('bold', text);
}
