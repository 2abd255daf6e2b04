// From the settings to the options of each room. Only here do rooms and settings meet.
import { relative, resolve } from 'node:path';
import type { CertificateFiles } from './api/certificate.ts';
import type { ArchiveOptions } from './backup/archive.ts';
import type { Config } from './config/schema.ts';
import { TangleError } from './errors.ts';
import type { NetworkOptions } from './gossip/network.ts';
import { networkIdOf } from './protocol/ids.ts';
import type { PruningOptions } from './pruning/open.ts';
import type { StoreOptions } from './storage/open.ts';
import type { IntakeOptions } from './tangle/intake.ts';

export function storeOptions(config: Config): StoreOptions {
  return {
    dataDir: resolve(config.dataDir),
    durability: config.storage.durability,
    network: { name: config.network.name, id: networkIdOf(config.network.name) },
    cacheBytes: config.memory.budgetBytes / 2,
    maxParentAgeMs: config.tangle.maxParentAgeMs,
  };
}

export function pruningOptions(config: Config): PruningOptions {
  return {
    ...config.pruning,
    dataDir: resolve(config.dataDir),
    maxParentAgeMs: config.tangle.maxParentAgeMs,
  };
}

/** Undefined when what is pruned is to be gone. Throws CONFIG_INVALID. */
export function archiveOptions(config: Config): ArchiveOptions | undefined {
  const { archive } = config.pruning;
  if (archive === undefined) return undefined;
  const folder = resolve(archive);
  // There it would count towards the size that pruning keeps to, and nothing would ever be pruned enough.
  if (!relative(resolve(config.dataDir), folder).startsWith('..')) {
    throw new TangleError(
      'CONFIG_INVALID',
      `pruning.archive is ${folder}, inside of the data folder; name a folder outside of it.`,
    );
  }
  return { folder, network: storeOptions(config).network };
}

export function networkOptions(config: Config): NetworkOptions {
  return {
    ...config.gossip,
    dataDir: resolve(config.dataDir),
    networkName: config.network.name,
  };
}

export function tlsFiles({ certFile, keyFile }: Config['api']['tls']): Partial<CertificateFiles> {
  return {
    ...(certFile !== undefined && { certFile: resolve(certFile) }),
    ...(keyFile !== undefined && { keyFile: resolve(keyFile) }),
  };
}

/** Everything that waits in memory or for its parents is a share of the memory budget. */
export function intakeOptions(config: Config): IntakeOptions {
  const { budgetBytes } = config.memory;
  return {
    networkId: networkIdOf(config.network.name),
    minPowScore: config.network.minPowScore,
    maxParentAgeMs: config.tangle.maxParentAgeMs,
    queue: {
      maxMessagesPerSource: 2_048,
      maxBytesPerSource: budgetBytes / 16,
      maxPeerBytes: budgetBytes / 8,
    },
    // A waiting message costs about 1 KiB of memory for its place in the graph; its bytes are on disk.
    pending: { maxMessages: Math.floor(budgetBytes / 16 / 1024), maxBytes: budgetBytes / 4 },
  };
}
