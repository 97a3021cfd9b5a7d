/**
 * What an Only1MCP file bounds: calls over time, sizes, connections. Where a key of ours would hold less tightly, that is a
 * problem; where it holds more tightly, a note says so.
 */
import type { Block } from './only1mcp-reader.ts';
import { limitCount, limitSize } from './only1mcp-servers.ts';
import { parseDuration } from './scalars.ts';
import type { Path } from './source.ts';

/** Said of limits that are off. */
const bounded = 'ignored: `limits.rate.perPrincipal` is 1000 a minute, unless it says "off"';

const perPrincipal = ['limits', 'rate', 'perPrincipal'];
const global = ['limits', 'rate', 'global'];

export function convertLimits(root: Block): void {
  convertPolicyRates(root.block('security').block('rate_limiting'));
  convertPolicyRates(root.block('proxy').block('rate_limiting'));
  convertTemplateRates(root.block('rate_limit'));
  for (const key of ['server', 'proxy', 'performance']) {
    const home = root.block(key);
    limitSize(home, 'max_request_size_bytes', 'body');
    limitSize(home, 'max_header_size_bytes', 'headers');
    home.move('shutdown_timeout', ['limits', 'drain']);
    convertConnections(home);
  }
  const limits = root.block('limits');
  limitSize(limits, 'max_request_size', 'body');
  limitSize(limits, 'max_websocket_message_size', 'body');
  limitSize(limits, 'max_response_size', 'upstreamMessage');
  limitCount(limits, 'max_connections_per_ip', 'connections');
  limits.ignore('times are the same for whoever looks for faults', 'debug_timeout_multiplier');
}

/** What we count without being told, for an address. */
const usualConnections = 256;

/** In all, which is counted nowhere here; no address may have more than that. */
function convertConnections(home: Block): void {
  const most = home.take('max_connections');
  if (most === undefined) return;
  if (typeof most !== 'number' || most < usualConnections) limitCount(home, 'max_connections', 'connections');
  else home.ignore('connections are bounded per address: `limits.connections`, 256 unless told', 'max_connections');
}

const periods: Readonly<Record<number, string>> = { 1_000: 's', 60_000: 'm', 3_600_000: 'h', 86_400_000: 'd' };

/** `global_limit` and `per_client_limit` in a `window`, or calls per second with a burst. */
function convertPolicyRates(block: Block): void {
  if (!block.isOn(bounded)) return;
  const window = block.take('window');
  const ms = typeof window === 'string' || typeof window === 'number' ? parseDuration(window) : 60_000;
  const unit = periods[ms ?? 0];
  if (unit === undefined) {
    block.ledger.problems.push({
      path: block.at('window'),
      message: 'expected `1s`, `1m`, `1h` or `1d`, as our rates have them',
    });
  }
  for (const [key, ours] of [
    ['global_limit', global],
    ['per_client_limit', perPrincipal],
  ] as const) {
    block.move(key, ours, (count) => `${String(count)}/${unit ?? 'm'}`);
    if (window === undefined && block.take(key) !== undefined) {
      block.ledger.notes.push({ path: block.at(key), message: 'is counted per minute: the file says no time' });
      block.ledger.comments.push({ path: ['limits', 'rate'], message: 'Per minute, since Only1MCP says no time.' });
    }
  }
  convertRate(block, block.flag('per_client') === true ? perPrincipal : global);
}

function convertTemplateRates(block: Block): void {
  if (!block.isOn(bounded)) return;
  convertRate(block.block('global'), global);
  convertRate(block.block('per_user'), perPrincipal);
  block.refuse(
    'calls are not counted per address here: `limits.rate.perPrincipal` bounds each client, `limits.connections` and ' +
      '`limits.failedAuthentications` each address; take it away if that is enough',
    'per_ip',
  );
}

const units: Readonly<Record<string, string>> = { second: 's', minute: 'm', hour: 'h', day: 'd' };

function convertRate(block: Block, ours: Path): void {
  const burst = block.take('burst');
  const written = Object.keys(units).filter((unit) => block.take(`requests_per_${unit}`) !== undefined);
  const [unit, ...more] = written;
  for (const other of more) {
    block.refuse(`\`${ours.join('.')}\` is one rate: keep one of them`, `requests_per_${other}`);
  }
  if (unit === undefined) return;
  block.move(`requests_per_${unit}`, ours, (count) => {
    // A bucket of ours holds as many as the rate says; of two bounds the smaller is the tighter one.
    const least = typeof count === 'number' && typeof burst === 'number' ? Math.min(count, burst) : count;
    return `${String(least)}/${units[unit] ?? ''}`;
  });
  block.ignore('as many may come at once as the rate says, and no more than this', 'burst');
}
