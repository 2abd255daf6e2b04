// docs/protocol.md says what the code does: its example decodes, and it names every code that the codec throws.
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorTable } from '../../src/errors.ts';
import { bytesFromHex } from '../../src/protocol/bytes.ts';
import { decodeMessage } from '../../src/protocol/codec.ts';
import { messageIdHex, messageIdOf } from '../../src/protocol/ids.ts';
import { scoreOf } from '../../src/protocol/score.ts';
import { jsonOf } from './json.ts';

const page = readFileSync('docs/protocol.md', 'utf8');

describe('the example in docs/protocol.md', () => {
  const rows = [...page.matchAll(/^\| (\d+) +\| `([0-9a-f]+)` +\|/gm)].map(([, offset, hex]) => ({
    offset: Number(offset),
    bytes: bytesFromHex(hex!, 'row'),
  }));
  const message = new Uint8Array(rows.flatMap(({ bytes }) => [...bytes]));

  it('has its fields where it says', () => {
    const ends = rows.map(({ offset, bytes }) => offset + bytes.length);
    expect(rows.map(({ offset }) => offset)).toEqual([0, ...ends.slice(0, -1)]);
  });

  it('decodes to its JSON', () => {
    const [, json] = /```json\n([^`]+)```/.exec(page)!;
    expect(jsonOf(decodeMessage(message))).toEqual(JSON.parse(json!));
  });

  it('has its id, and its score with 12 trailing zeros', () => {
    expect(page).toContain(`Its id is \`${messageIdHex(messageIdOf(message))}\``);
    expect(page).toContain(`a score of ${Math.floor(scoreOf(12, message.length))}`);
  });
});

describe('the codes in docs/protocol.md', () => {
  it('are those of src/protocol/, all of them and no others', () => {
    const source = globSync('src/protocol/*.ts').map((file) => readFileSync(file, 'utf8'));
    const words = [...source.join('').matchAll(/'([A-Z_]+)'/g)].map(([, word]) => word!);
    const documented = [...page.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, code]) => code!);
    const thrown = words.filter((word) => word in errorTable);
    expect(new Set(documented)).toEqual(new Set(thrown));
  });
});
