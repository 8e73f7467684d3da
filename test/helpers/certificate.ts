import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A self-signed certificate for the loopback addresses, in files of its own. */
export interface Certificate {
  /** The certificate, in PEM. */
  readonly pem: string
  /** Arguments of a redis-server that takes TLS connections with it on a port. */
  redisArgs(tlsPort: number): string[]
  remove(): void
}

/** Makes a certificate with the command openssl. */
export function makeCertificate(): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'keyedcache-tls-'))
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  try {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
        ...['-keyout', key, '-out', cert, '-subj', '/CN=localhost'],
        ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ],
      { stdio: 'ignore' },
    )
  } catch (cause) {
    throw new Error('The tests with TLS need the command openssl: apt-get install openssl.', { cause })
  }
  return {
    pem: readFileSync(cert, 'utf8'),
    redisArgs: (tlsPort) => [
      ...['--tls-port', String(tlsPort), '--tls-cert-file', cert, '--tls-key-file', key],
      ...['--tls-ca-cert-file', cert, '--tls-auth-clients', 'no', '--tls-replication', 'yes'],
    ],
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
