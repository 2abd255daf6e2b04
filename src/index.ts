// What the package exports. The only barrel.
export { loadConfig } from './config/load.ts';
export type { Config } from './config/schema.ts';
export { TangleError } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export { makeLogger } from './log.ts';
export { openNode } from './node.ts';
export type { Node, NodeDeps } from './node.ts';
export type { NodeSummary } from './summary.ts';
export { decodeAddress, encodeAddress } from './protocol/bech32.ts';
export { decodeMessage, encodeMessage } from './protocol/codec.ts';
export type { Message, Payload } from './protocol/message.ts';
