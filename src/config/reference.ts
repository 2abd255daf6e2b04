// Renders the table for people: the settings part of --help, and docs/configuration.md.
import { markdownCode, markdownTable } from './markdown.ts';
import { settings } from './settings.ts';
import type { Setting } from './settings.ts';
import { allowedWords, defaultWords, placeholderOf } from './words.ts';

/** A group of settings as help shows it. */
export interface HelpGroup {
  readonly title: string;
  readonly rows: readonly (readonly [flag: string, meaning: string])[];
}

/** Every setting as a flag, with its meaning and default. */
export function helpGroups(table: readonly Setting[] = settings): readonly HelpGroup[] {
  return groupsOf(table).map(([title, members]) => ({
    title,
    rows: members.map((setting) => [
      `${setting.flag} ${placeholderOf(setting)}`,
      meaningOf(setting),
    ]),
  }));
}

function meaningOf(setting: Setting): string {
  const { description = '', enum: words } = setting.schema;
  const choice = words === undefined ? '' : ` One of ${words.join(', ')}.`;
  return `${description}${choice} [${defaultWords(setting)}]`;
}

/** The text of docs/configuration.md. */
export function renderConfigurationPage(table: readonly Setting[] = settings): string {
  const sections = groupsOf(table).map(([title, members]) => [
    `## ${title}`,
    markdownTable(
      ['Setting', 'Meaning', 'Default', 'Allowed'],
      members.map((setting) => [
        markdownCode(setting.path),
        setting.schema.description ?? '',
        defaultWords(setting),
        allowedWords(setting),
      ]),
    ),
  ]);
  const names = table.map(({ path, flag, variable }) => [path, flag, variable].map(markdownCode));
  const nameTable = markdownTable(['In the file', 'As a flag', 'In the environment'], names);
  return `${[introduction, ...sections.flat(), '## Names', nameTable].join('\n\n')}\n`;
}

const introduction = `# Configuration

<!-- Rendered from src/config/schema.ts by \`npm run docs\`. -->

Midge runs without any settings. Each one can be given in three places; a later place wins:

1. \`midge.json\` in the working directory, or the file named by \`--config FILE\` or \`MIDGE_CONFIG\`
2. the environment
3. flags

\`\`\`json
{ "api": { "bind": "0.0.0.0:14265" }, "log": { "level": "warn" } }
\`\`\`

\`\`\`sh
MIDGE_API_BIND=0.0.0.0:14265 MIDGE_LOG_LEVEL=warn midge
midge --api.bind 0.0.0.0:14265 --log.level warn
\`\`\`

A list is an array in the file, commas in the environment, and a flag that is repeated. Whatever is
unknown or out of bounds, in any place, is refused before the node opens anything, all of it at once.
\`midge config\` shows the values that count and where each came from.`;

function groupsOf(table: readonly Setting[]): [title: string, members: Setting[]][] {
  return Object.entries(Object.groupBy(table, ({ group }) => group)).map(
    ([title, members = []]) => [title, members],
  );
}
