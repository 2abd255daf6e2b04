// What midge run shows a person when the node is ready.
import type { NodeSummary } from '../summary.ts';
import { alignColumns, counted, heading } from './layout.ts';
import { urlOfBind } from './node-url.ts';
import { programWords } from './program.ts';

/** Commands ask it when they are told no other. */
const defaultNode = 'http://127.0.0.1:14265';
const exampleIndexHex = Buffer.from('greetings').toString('hex');
const exampleDataHex = Buffer.from('hello Tangle').toString('hex');

/** Facts about the node, and two command lines that work when pasted. */
export function banner(info: NodeSummary, program = programWords()): string {
  const facts = alignColumns(
    [
      ['network', `${info.networkName}, minimum score ${info.minPowScore}`],
      ['data', `${info.dataDir} (${info.isNew ? 'new' : counted(info.messageCount, 'message')})`],
      ['keeps', info.keeps],
      ['durability', info.durability],
      ['API', info.apiUrl],
      ...(info.mqttUrls.length === 0 ? [] : [['MQTT', info.mqttUrls.join(', ')]]),
      [
        'gossip',
        info.gossipAddresses.length === 0 ? 'dials only' : info.gossipAddresses.join(', '),
      ],
      ['neighbours', info.neighbours.length === 0 ? 'none' : info.neighbours.join(', ')],
      ['mining', info.powWorkers === 0 ? 'off' : counted(info.powWorkers, 'thread')],
    ],
    { indent: 2 },
  );
  return [
    '',
    `${heading(`Midge ${info.version}`)} is ready; Ctrl-C ends it.`,
    '',
    facts,
    '',
    ...examples(info, program),
    '',
  ].join('\n');
}

function examples(info: NodeSummary, program: string): readonly string[] {
  const { apiAddress, powWorkers, certFile } = info;
  const url = urlOfBind(apiAddress, certFile === undefined ? 'http' : 'https');
  const ca = certFile === undefined ? '' : ` --ca '${certFile}'`;
  const node = url === defaultNode ? '' : ` --node ${url}${ca}`;
  // The certificate names the machine as others reach it, not as it reaches itself.
  const curl = certFile === undefined ? 'curl -s' : 'curl -sk';
  const route = `${url}/api/v1/messages`;
  const read = `  ${curl} '${route}?index=${exampleIndexHex}'`;
  if (powWorkers === 0) return ['Find messages by their index:', read];
  const body = JSON.stringify({
    payload: { type: 2, index: exampleIndexHex, data: exampleDataHex },
  });
  return [
    'Attach a message, and find it again:',
    `  ${curl} ${route} -H 'content-type: application/json' -d '${body}'`,
    read,
    'The same in short:',
    `  ${program} attach greetings "hello Tangle"${node}`,
    `  ${program} read greetings${node}`,
  ];
}
