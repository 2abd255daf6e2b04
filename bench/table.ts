// What a bench reports, and how it is printed.

export interface Row {
  readonly bench: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** How many times better than `against`, measured in the same run. */
  readonly ratio?: number;
  readonly against?: string;
  /** What the value, or the ratio, must be. */
  readonly bar?: Bar;
}

export interface Bar {
  readonly of: 'value' | 'ratio';
  readonly atLeast?: number;
  readonly atMost?: number;
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
    row.ratio === undefined ? '' : `${number(row.ratio)}x ${row.against ?? ''}`,
    verdictOf(row),
  ]);
  const lines = [['bench', 'what', 'value', 'ratio', 'bar'], ...cells];
  const widths = [0, 1, 2, 3, 4].map((at) => Math.max(...lines.map((line) => line[at]!.length)));
  for (const line of lines) {
    console.log(
      line
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    );
  }
}

function verdictOf({ bar, value, ratio = 0 }: Row): string {
  if (bar === undefined) return '';
  const { atLeast = -Infinity, atMost = Infinity } = bar;
  const measured = bar.of === 'ratio' ? ratio : value;
  const words = bar.atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
  const unit = bar.of === 'ratio' ? 'x' : '';
  return `${words}${unit}: ${measured >= atLeast && measured <= atMost ? 'met' : 'MISSED'}`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
