/**
 * MCP over WebSocket, which the specification does not know: the messages of stdio, each a text message (RFC 6455).
 * Host, Origin and the credential were checked by the listener as for every request; what the messages mean is in
 * connection.ts. The library is loaded when the first client asks for it: loading it takes longer than a start may.
 */

import { wireError } from '@sallyport/wire';
import type { RawData, WebSocket, WebSocketServer } from 'ws';
import type { ConnectionTable } from '../connection/table.ts';
import type { UpgradeArrival, UpgradeEndpoint } from './arrival.ts';
import { headerLines } from './headers.ts';
import { refuseArrival } from './refuse.ts';
import { CLOSE_CODES, openWebSocketChannel } from './web-socket-channel.ts';

export interface WebSocketDoorOptions {
  readonly connections: ConnectionTable;
  /** Of one message. */
  readonly maxMessageBytes: number;
}

const SUBPROTOCOL = 'mcp';
/** Draft 8, which ws would take as well, has its Origin in another header than the one that was checked. */
const VERSION = '13';
/** In how many pieces a message may come: each is kept as an object of its own, however small it is. */
const MAX_PIECES = 16 * 1024;

export function createWebSocketDoor(options: WebSocketDoorOptions): UpgradeEndpoint {
  let server: Promise<WebSocketServer> | undefined;
  return {
    upgrade: (arrival) => {
      server ??= loadServer(options.maxMessageBytes);
      server.then(
        (loaded) => shakeHands(arrival, loaded, options.connections),
        () => refuseArrival(arrival, wireError('internal')),
      );
    },
  };
}

async function loadServer(maxPayload: number): Promise<WebSocketServer> {
  const ws = await import('ws');
  return new ws.WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    maxFragments: MAX_PIECES,
    maxBufferedChunks: MAX_PIECES,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
}

function shakeHands(arrival: UpgradeArrival, server: WebSocketServer, connections: ConnectionTable): void {
  const { head, principal, request, response } = arrival;
  if (request.headers['sec-websocket-version'] !== VERSION) {
    const error = wireError('invalid_request', `WebSocket version ${VERSION} is needed.`);
    return refuseArrival(arrival, error, { headers: { 'sec-websocket-version': VERSION } });
  }
  const refusal = connections.refusal(principal);
  if (refusal !== undefined) return refuseArrival(arrival, refusal, { headers: { 'retry-after': '60' } });
  const onError = ({ message }: Error): void => refuseArrival(arrival, wireError('invalid_request', message));
  const onHeaders = (lines: string[]): void => void lines.push(...headerLines(arrival.secure));
  // All are called before `handleUpgrade` returns, if at all. It writes the head of its answer itself.
  server.once('wsClientError', onError).once('headers', onHeaders);
  server.handleUpgrade(request, request.socket, head, (webSocket) => {
    response.detachSocket(request.socket);
    converse(arrival, webSocket, connections);
  });
  server.off('wsClientError', onError).off('headers', onHeaders);
}

function converse(arrival: UpgradeArrival, webSocket: WebSocket, connections: ConnectionTable): void {
  const { address, endpoint, principal, request } = arrival;
  const channel = openWebSocketChannel(webSocket, request.socket);
  const transport = 'ws';
  const stateless = true;
  const connection = connections.open({ transport, request, principal, address, endpoint, channel, stateless });
  webSocket.on('message', (data: RawData, isBinary: boolean) => {
    if (webSocket.readyState !== webSocket.OPEN) return;
    if (isBinary) webSocket.close(CLOSE_CODES.unsupportedData, 'Messages are text.');
    // Its `binaryType` was left at `nodebuffer`.
    else connection.receive((data as Buffer).toString('utf8'));
  });
  // Too large, no UTF-8, no WebSocket at all: the library has said so in its close frame, and ends the socket.
  webSocket.on('error', () => {});
  webSocket.on('close', () => connection.destroy());
}
