// What a bench reports, and how it is printed.

export interface Row {
  readonly bench: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** How many times better than `against`, measured in the same run. */
  readonly ratio?: number;
  readonly against?: string;
  /** What `ratio` is to be at least; the table tells whether it is. */
  readonly bar?: number;
}

export interface Mode {
  /** One small round of everything, to show that the bench still runs; its numbers mean nothing. */
  readonly isSmoke: boolean;
  /** Sizes that take hours too. */
  readonly isLarge: boolean;
}

const number = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);

export function printTable(rows: readonly Row[]): void {
  const cells = rows.map((row) => [
    row.bench,
    row.what,
    `${number(row.value)} ${row.unit}`,
    ratioCell(row),
  ]);
  const lines = [['bench', 'what', 'value', 'ratio'], ...cells];
  const widths = [0, 1, 2, 3].map((at) => Math.max(...lines.map((line) => line[at]!.length)));
  for (const line of lines) {
    console.log(
      line
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    );
  }
}

function ratioCell({ ratio, against = '', bar }: Row): string {
  if (ratio === undefined) return '';
  const cell = `${number(ratio)}x ${against}`;
  return bar === undefined ? cell : `${cell}; bar ${bar}x ${ratio >= bar ? 'met' : 'missed'}`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
