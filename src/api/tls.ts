// TLS for the servers of the API and of MQTT: one certificate for all, renewed while they run.
import type { Server, TlsOptions } from 'node:tls';
import { systemTimer } from '../clock.ts';
import type { Clock, SetTimer } from '../clock.ts';
import { TangleError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { minVersion, readCertificate } from './certificate.ts';
import type { Certificate, CertificateFiles } from './certificate.ts';

export interface TlsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly setTimer?: SetTimer;
}

/** How often the files are looked at. Read whole: a new file may have the size and the time of the old one. */
export const lookIntervalMs = 60_000;
const dayMs = 24 * 60 * 60 * 1000;
/** Whoever renews by a program does so earlier. */
export const warnBeforeMs = 14 * dayMs;

/** Undefined where no files are named. Throws CONFIG_INVALID when only one is, TLS_INVALID when they are no good. */
export async function openTls(
  { certFile, keyFile }: Partial<CertificateFiles>,
  deps: TlsDeps,
): Promise<Tls | undefined> {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    const [given, missing] =
      certFile === undefined ? ['keyFile', 'certFile'] : ['certFile', 'keyFile'];
    throw new TangleError(
      'CONFIG_INVALID',
      `api.tls.${given} is given without api.tls.${missing}; TLS needs both.`,
    );
  }
  const files = { certFile, keyFile };
  return new Tls(files, await readCertificate(files), deps);
}

export class Tls implements Disposable {
  readonly #files: CertificateFiles;
  readonly #deps: TlsDeps;
  readonly #servers = new Set<Server>();
  #certificate: Certificate;
  #looking: Promise<void> = Promise.resolve();
  #stopLooking: () => void = () => undefined;
  #toldFailure = '';
  #warnedAtMs = -Infinity;

  constructor(files: CertificateFiles, certificate: Certificate, deps: TlsDeps) {
    this.#files = files;
    this.#deps = deps;
    this.#certificate = certificate;
    this.#warnOfTimes();
    this.#lookLater();
  }

  /** When the certificate that is served ends, as Unix time. */
  get expiresAtMs(): number {
    return this.#certificate.expiresAtMs;
  }

  /** What a server is made with, before it is handed to `keep`. */
  options(): TlsOptions {
    const { cert, key } = this.#certificate;
    return { cert, key, minVersion };
  }

  /** From now on, and until it closes, the server gets each new certificate. */
  keep(server: Server): void {
    this.#servers.add(server);
    server.once('close', () => this.#servers.delete(server));
  }

  /** Looks at the files now; a pair that is no good is logged, and the one that is served stays. Never rejects. */
  renew(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  [Symbol.dispose](): void {
    this.#stopLooking();
  }

  #lookLater(): void {
    const { setTimer = systemTimer } = this.#deps;
    this.#stopLooking = setTimer(() => {
      void this.renew();
      this.#lookLater();
    }, lookIntervalMs);
  }

  async #look(): Promise<void> {
    try {
      const found = await readCertificate(this.#files);
      this.#toldFailure = '';
      const { cert, key } = this.#certificate;
      if (!found.cert.equals(cert) || !found.key.equals(key)) this.#serve(found);
    } catch (error) {
      this.#tellFailure(error);
    }
    this.#warnOfTimes();
  }

  #serve(certificate: Certificate): void {
    this.#certificate = certificate;
    for (const server of this.#servers) server.setSecureContext(this.options());
    this.#warnedAtMs = -Infinity;
    this.#deps.log.info({ expiresAt: this.#endWords() }, 'a new certificate is served');
  }

  /** Once for each thing that is wrong: of two files one is always written first. */
  #tellFailure(error: unknown): void {
    const failure = error instanceof Error ? error.message : String(error);
    if (failure === this.#toldFailure) return;
    this.#toldFailure = failure;
    const { log } = this.#deps;
    log.warn({ err: error }, 'the certificate cannot be renewed; the one that is served stays');
  }

  #warnOfTimes(): void {
    const nowMs = this.#deps.clock.now();
    const fault = timeFaultOf(this.#certificate, nowMs);
    if (fault === undefined || nowMs - this.#warnedAtMs < dayMs) return;
    this.#warnedAtMs = nowMs;
    const { startsAtMs } = this.#certificate;
    const times = { startsAt: new Date(startsAtMs).toISOString(), expiresAt: this.#endWords() };
    this.#deps.log.warn(times, `the certificate of the API ${fault}`);
  }

  #endWords(): string {
    return new Date(this.expiresAtMs).toISOString();
  }
}

/** Why clients refuse it now, or soon will. */
function timeFaultOf({ startsAtMs, expiresAtMs }: Certificate, nowMs: number): string | undefined {
  if (startsAtMs > nowMs) return 'is not valid yet';
  if (expiresAtMs <= nowMs) return 'has expired';
  return expiresAtMs - nowMs > warnBeforeMs ? undefined : 'expires soon';
}
