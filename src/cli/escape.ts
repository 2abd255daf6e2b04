// Makes text from the network safe to print: a terminal obeys control characters, and invisible ones can
// make a line read as something else.

/** Controls, line and paragraph separators, and format characters (bidirectional overrides and the like). */
const dangerous = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Emoji and several scripts are written with these two joiners, which move nothing. */
const joiners = new Set(['\u200C', '\u200D']);

/** For text that must stay on one line. */
export function escapeLine(text: string): string {
  return text.replaceAll(dangerous, (character) =>
    joiners.has(character) ? character : escaped(character),
  );
}

/** For text of several lines: line feeds and tabs stay, a lone carriage return does not. */
export function escapeBlock(text: string): string {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  return lines.map((line) => line.split('\t').map(escapeLine).join('\t')).join('\n');
}

/** JSON in ASCII only, so that it is as safe on a terminal as in a pipe. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007F-\uFFFF]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return code <= 0xff ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
}
