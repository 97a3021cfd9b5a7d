/**
 * Profiles of Seatbelt, the sandbox of macOS, in its own language: what is not allowed is denied, and of several rules that apply the last one
 * decides. Apple documents it for nobody; this follows what the profiles of the system, of Chromium and of Codex do. Pure.
 */
import { dirname } from 'node:path';

export interface SeatbeltView {
  /** Real paths of files and folders, with all that is in them. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Neither seen nor written, though what they are in is. */
  readonly hidden: readonly string[];
  /** Seen all the same, in what is hidden. */
  readonly revealed: readonly string[];
  /** Seen and written all the same, in what is hidden. */
  readonly own: readonly string[];
  /** Read, though what they are in is written, and whether they exist or not. */
  readonly guarded: readonly string[];
  /** Folders that lead to what is hidden or guarded. */
  readonly pinned: readonly string[];
  /** A number: that port of this machine alone. */
  readonly network: 'none' | 'open' | number;
}

/** What programs need to start; of /Library and /private nothing that holds a user's secret. */
export const SYSTEM: readonly string[] = [
  '/System /usr /bin /sbin /Library/Apple /Library/Developer/CommandLineTools /Library/Frameworks /Library/Java',
  '/private/etc/hosts /private/etc/localtime /private/etc/passwd /private/etc/protocols /private/etc/resolv.conf',
  '/private/etc/services /private/etc/ssl /private/var/db/timezone /private/var/db/dyld /private/var/select',
  '/opt/homebrew/Cellar /opt/homebrew/Frameworks /opt/homebrew/bin /opt/homebrew/lib /opt/homebrew/opt /opt/homebrew/share',
  '/opt/homebrew/etc/ca-certificates /opt/homebrew/etc/openssl@3 /nix/store',
].flatMap((line) => line.split(' '));
/** In /usr, and full of what others have made: databases, say. */
const SYSTEM_BUT: readonly string[] = ['/usr/local/var', '/usr/local/etc'];
const LINKS: readonly string[] = ['/', '/etc', '/tmp', '/var', '/private', '/dev'];
const DEVICES: readonly string[] = ['/dev/null', '/dev/zero', '/dev/random', '/dev/urandom', '/dev/dtracehelper'];

/** Of the kernel's facts those about the machine, not about other processes. */
const FACTS: readonly string[] = [
  'hw. machdep.cpu. net.routetable. kern.osproductversion kern.osrelease kern.ostype kern.osvariant_status kern.osversion',
  'kern.version kern.hostname kern.argmax kern.maxfiles kern.maxfilesperproc kern.maxproc kern.ngroups kern.secure_kernel',
  'kern.usrstack64 kern.bootargs kern.tcsm_ kern.willshutdown machdep.ptrauth_enabled security.mac.lockdown_mode_state',
  'sysctl.proc_cputype vm.loadavg',
].flatMap((line) => line.split(' '));
const SERVICES: readonly string[] = [
  'com.apple.system.opendirectoryd.libinfo com.apple.system.opendirectoryd.membership com.apple.system.notification_center',
  'com.apple.system.logger com.apple.logd com.apple.PowerManagement.control',
].flatMap((line) => line.split(' '));
/** Without the keychain, which com.apple.SecurityServer and com.apple.securityd lead to. */
const NETWORK_SERVICES: readonly string[] = [
  'com.apple.SystemConfiguration.configd com.apple.SystemConfiguration.DNSConfiguration com.apple.networkd',
  'com.apple.trustd.agent com.apple.trustd com.apple.ocspd',
].flatMap((line) => line.split(' '));
const NAMES_SOCKET = '/private/var/run/mDNSResponder';

export function seatbeltProfile(view: SeatbeltView): string {
  const { guarded, hidden, own, pinned, read, revealed, write } = view;
  const seen = [...SYSTEM, ...read, ...write, ...own, ...revealed];
  return [
    '(version 1)',
    '(deny default)',
    '(allow process-exec process-fork)',
    '(allow signal (target same-sandbox))',
    '(allow process-info* (target same-sandbox))',
    rule('allow', 'sysctl-read', FACTS.map(factFilter)),
    '(allow sysctl-write (sysctl-name "kern.tcsm_enable") (sysctl-name "kern.grade_cputype"))',
    rule('allow', 'mach-lookup', SERVICES.map(service)),
    '(allow ipc-posix-sem)',
    rule('allow', 'file-read* file-write-data file-ioctl', DEVICES.map(literal)),
    '(allow file-read* file-write-data (subpath "/dev/fd"))',
    rule('allow', 'file-read-metadata', [...new Set([...LINKS, ...seen.flatMap(foldersTo)])].map(literal)),
    rule('allow', 'file-read*', [literal('/'), ...[...SYSTEM, ...read, ...write].map(subpath)]),
    rule('deny', 'file-read*', SYSTEM_BUT.filter((path) => !read.includes(path)).map(subpath)),
    rule('allow', 'file-write*', write.map(subpath)),
    ...networkRules(view.network),
    // From here on what was allowed is taken back; the order among these is that of the fields.
    rule('deny', 'file-read* file-write*', hidden.map(subpath)),
    rule('allow', 'file-read*', [...revealed, ...own].map(subpath)),
    rule('allow', 'file-write*', own.map(subpath)),
    rule('deny', 'file-write*', guarded.map(subpath)),
    rule('deny', 'file-write-unlink', pinned.map(literal)),
    '',
  ]
    .filter((line, index, all) => line !== '' || index === all.length - 1)
    .join('\n');
}

/** Of `limited`: nothing is refused but programs that run as their owner. */
export const LIMITED_PROFILE = '(version 1)\n(allow default)\n(deny forbidden-exec-sugid)\n';

/** Every kind of rule once, to see whether the machine takes them. */
export function probeProfiles(): readonly string[] {
  return [
    LIMITED_PROFILE,
    seatbeltProfile({
      read: ['/private/etc'],
      write: ['/private/tmp'],
      hidden: ['/private/tmp/a'],
      revealed: ['/private/tmp/a/b'],
      own: ['/private/tmp/a/c'],
      guarded: ['/private/tmp/d'],
      pinned: ['/private/tmp'],
      network: 'open',
    }),
  ];
}

/**
 * Addresses of IPv4 alone: Seatbelt knows this machine only as `localhost`, and does not take ::ffff:127.0.0.1 for it, by which its ports would
 * be reached.
 */
function networkRules(network: SeatbeltView['network']): readonly string[] {
  if (network === 'none') return [];
  if (network !== 'open') return [`(allow network-outbound (remote ip4 "localhost:${network}"))`];
  return [
    '(allow system-socket (socket-domain AF_UNIX))',
    '(allow system-socket (require-all (socket-domain AF_SYSTEM) (socket-protocol 2)))',
    rule('allow', 'mach-lookup', NETWORK_SERVICES.map(service)),
    '(allow network-outbound (remote ip4 "*:*"))',
    '(deny network-outbound (remote ip "localhost:*"))',
    `(allow network-outbound ${literal(NAMES_SOCKET)})`,
  ];
}

/** Without a filter a rule would be about everything. */
function rule(action: 'allow' | 'deny', operations: string, filters: readonly string[]): string {
  return filters.length === 0 ? '' : `(${action} ${operations} ${filters.join(' ')})`;
}

const literal = (path: string): string => `(literal ${quoted(path)})`;
const subpath = (path: string): string => `(subpath ${quoted(path)})`;
const service = (name: string): string => `(global-name ${quoted(name)})`;
const factFilter = (name: string): string =>
  /[._]$/.test(name) ? `(sysctl-name-prefix ${quoted(name)})` : `(sysctl-name ${quoted(name)})`;

/** A string of the language, which is that of Scheme. A path that it could not hold is refused before: see `isNameable`. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Whether a path can stand in a profile: no control characters, and no more than the reader takes. */
export function isNameable(path: string): boolean {
  return !/\p{Cc}/u.test(path.replaceAll('\0', '')) && Buffer.byteLength(quoted(path)) <= 1000;
}

function foldersTo(path: string): readonly string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) folders.push(folder);
  return folders;
}
