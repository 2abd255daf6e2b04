// What the node tells of itself: to a person at the start, to clients at /info.
import { resolve } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import type { MqttService } from './api/mqtt/open.ts';
import type { Api, HealthCheck, NodeInfo } from './api/server.ts';
import type { Tellers } from './balance/open.ts';
import type { Config } from './config/schema.ts';
import type { Network } from './gossip/network.ts';
import { limitWords } from './pruning/limits.ts';
import type { Pruner } from './pruning/pruner.ts';
import type { Store } from './storage/store.ts';

export const version = packageJson.version;

/** What a person is shown at start. */
export interface NodeSummary {
  readonly version: string;
  readonly networkName: string;
  readonly minPowScore: number;
  /** Absolute. */
  readonly dataDir: string;
  readonly isNew: boolean;
  readonly messageCount: number;
  readonly durability: string;
  /** What the limits of pruning are, in words. */
  readonly keeps: string;
  readonly apiAddress: string;
  readonly apiUrl: string;
  /** By which its commands know a node with TLS; absolute. */
  readonly certFile?: string | undefined;
  /** Ports of its own that MQTT has beside /mqtt of the API. */
  readonly mqttUrls: readonly string[];
  /** Where proxies ask for spare compute; undefined when they cannot. */
  readonly agentAddress?: string | undefined;
  /** What other nodes write into their settings. */
  readonly gossipAddresses: readonly string[];
  readonly neighbours: readonly string[];
  /** 0 when proof of work for clients is switched off. */
  readonly powWorkers: number;
}

export interface Parts {
  readonly store: Store;
  readonly pruner: Pick<Pruner, 'status'>;
  readonly api: Api;
  readonly mqtt: MqttService | undefined;
  readonly network: Network;
  readonly tellers: Tellers;
}

export function summaryOf(config: Config, parts: Parts): NodeSummary {
  const { store, pruner, api, mqtt, network, tellers } = parts;
  return {
    version,
    networkName: config.network.name,
    minPowScore: config.network.minPowScore,
    dataDir: resolve(config.dataDir),
    isNew: store.isNew,
    messageCount: store.messageCount,
    durability: config.storage.durability,
    keeps: limitWords(pruner.status().limits),
    apiAddress: `${api.host}:${api.port}`,
    apiUrl: api.url,
    certFile: config.api.tls.certFile && resolve(config.api.tls.certFile),
    mqttUrls: mqtt?.urls ?? [],
    agentAddress: tellers.agentAddress,
    gossipAddresses: network.host.addresses,
    neighbours: network.gossip.neighbours().map(({ id, alias }) => alias ?? id),
    powWorkers: config.pow.enabled ? config.pow.workers : 0,
  };
}

export function nodeInfo(
  config: Config,
  checks: readonly HealthCheck[],
  messagesPerSecond: number,
): NodeInfo {
  return {
    name: 'Midge',
    version,
    isHealthy: checks.every(({ ok }) => ok),
    networkId: config.network.name,
    bech32HRP: config.network.bech32Hrp,
    minPoWScore: config.network.minPowScore,
    messagesPerSecond,
    // Nothing is referenced, pruned or dated by milestones until there are milestones.
    referencedMessagesPerSecond: 0,
    referencedRate: 0,
    latestMilestoneTimestamp: 0,
    latestMilestoneIndex: 0,
    confirmedMilestoneIndex: 0,
    pruningIndex: 0,
    features: config.pow.enabled ? ['PoW'] : [],
  };
}
