/** Which layers of a level this machine does not have, with what to do about it; and what is weaker than it could be. Pure. */
import { basename } from 'node:path';
import { BWRAP_LEAST, BWRAP_SIZES, type Caged, isAtLeast, isCaged, isOnline, isProxied, userOf } from './level.ts';
import { relayPrograms } from './relay.ts';
import type { MissingLayer, SandboxFacts, SandboxLevel, SandboxSpec, Survey } from './spec.ts';

export function missingLayers(
  level: SandboxLevel,
  spec: SandboxSpec,
  facts: SandboxFacts,
  survey: Survey,
): readonly MissingLayer[] {
  const missing = [...missingUser(level, spec, facts), ...missingHosts(level, spec)];
  if (level === 'none') return missing;
  if (facts.platform !== 'linux') {
    return [missingPlatform(level)];
  }
  if (!isCaged(level)) {
    return [...missing, ...missingSetpriv(facts), ...missingPrlimit(facts)];
  }
  missing.push(...missingBubblewrap(spec, facts), ...missingNetwork(level, spec, facts));
  if (facts.arch === undefined) {
    const why = 'There is no filter of system calls for this processor.';
    missing.push({ layer: 'seccomp', why, remedy: 'Write "limited", or run on x64 or arm64.' });
  }
  for (const why of survey.problems) missing.push({ layer: 'paths', why, remedy: 'Correct "read" or "write".' });
  return missing;
}

function missingUser(level: SandboxLevel, spec: SandboxSpec, facts: SandboxFacts): readonly MissingLayer[] {
  if (spec.user === undefined || userOf(spec, facts, level) === undefined) return [];
  if (level === 'none') {
    return [
      { layer: 'user', why: 'The level "none" changes no user.', remedy: 'Write "limited", or leave "user" out.' },
    ];
  }
  if (facts.user.uid === 0) return [];
  const remedy = 'Leave "user" out, or start Sallyport as root.';
  return [{ layer: 'user', why: 'Only root may run a server as another user.', remedy }];
}

function missingHosts(level: SandboxLevel, { network }: SandboxSpec): readonly MissingLayer[] {
  if (network === undefined || isCaged(level)) return [];
  const remedy = 'Write "strict" or "standard", or leave "network" out.';
  return [{ layer: 'network', why: `The level "${level}" leaves the whole network open.`, remedy }];
}

function missingSetpriv({ setpriv, setprivFailure }: SandboxFacts): readonly MissingLayer[] {
  if (setpriv !== undefined) return [];
  const why =
    setprivFailure === undefined ? 'setpriv was not found.' : `setpriv does not work here: ${setprivFailure}.`;
  return [{ layer: 'user', why, remedy: 'Install util-linux (apt install util-linux, apk add setpriv).' }];
}

/** Limits of open files and core dumps are part of the level. */
function missingPrlimit({ prlimit }: SandboxFacts): readonly MissingLayer[] {
  if (prlimit !== undefined) return [];
  const why = 'prlimit, which bounds what a server uses, was not found.';
  return [{ layer: 'memory', why, remedy: 'Install util-linux.' }];
}

function missingPlatform(level: SandboxLevel): MissingLayer {
  const why = `The level "${level}" is built for Linux and macOS only.`;
  return { layer: 'platform', why, remedy: 'Write "none", or run Sallyport on Linux.' };
}

/** What an engine that is there could do instead. */
function instead({ command, image, level }: SandboxSpec, { engine, engineFailure }: SandboxFacts): string {
  if (engine !== undefined && image === undefined) {
    const what = level === undefined ? 'the level' : `an "image" that has "${basename(command)}"`;
    return ` Or write ${what} into "sandbox": ${engine.name} then makes a container for it.`;
  }
  return engineFailure === undefined ? '' : ` A container engine is there, but does not answer: ${engineFailure}.`;
}

function missingBubblewrap(spec: SandboxSpec, facts: SandboxFacts): readonly MissingLayer[] {
  const { bwrap, bwrapFailure, shell } = facts;
  const install = `Install bubblewrap (apt install bubblewrap, dnf install bubblewrap), or write "limited".${instead(spec, facts)}`;
  if (bwrap === undefined) return [{ layer: 'files', why: 'bubblewrap was not found.', remedy: install }];
  if (!isAtLeast(bwrap, BWRAP_LEAST)) {
    return [
      { layer: 'files', why: `bubblewrap ${bwrap.version.join('.')} is too old: 0.4 is needed.`, remedy: install },
    ];
  }
  if (bwrapFailure !== undefined) {
    const remedy =
      'Allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns; in a container ' +
      'its seccomp and AppArmor profiles), or write "limited".' +
      instead(spec, facts);
    return [{ layer: 'files', why: `bubblewrap does not work here: ${bwrapFailure}.`, remedy }];
  }
  if (shell === undefined) return [{ layer: 'seccomp', why: 'There is no /bin/sh.', remedy: 'Install a POSIX shell.' }];
  // Without it a child of root would stay root.
  return facts.user.uid === 0 ? missingSetpriv(facts) : [];
}

function missingNetwork(level: Caged, spec: SandboxSpec, facts: SandboxFacts): readonly MissingLayer[] {
  if (isProxied(level, spec)) {
    const hasWay = spec.proxy !== undefined && relayPrograms(facts) !== undefined;
    const why = 'There is no way to the proxy that lets through the hosts of "network".';
    return hasWay ? [] : [{ layer: 'network', why, remedy: 'Install coreutils, or leave "network" out.' }];
  }
  if (!isOnline(level, spec)) return [];
  const user = userOf(spec, facts, level) ?? facts.user;
  if (user.uid === 0) {
    const why = 'An open network apart from loopback cannot be made for root.';
    return [{ layer: 'network', why, remedy: 'Leave "user" out, or write "strict".' }];
  }
  if (facts.pasta === undefined || facts.pastaFailure !== undefined) {
    const why =
      facts.pasta === undefined
        ? 'pasta, which keeps a server from the ports of this machine, was not found.'
        : `pasta, which keeps a server from the ports of this machine, does not work here: ${facts.pastaFailure}.`;
    return [{ layer: 'network', why, remedy: 'Install passt (apt install passt), or write "strict" or "limited".' }];
  }
  return [];
}

export function weaknesses(level: SandboxLevel, spec: SandboxSpec, facts: SandboxFacts): readonly string[] {
  const gaps: string[] = [];
  const isRoot = (userOf(spec, facts, level) ?? facts.user).uid === 0;
  if (level === 'none') gaps.push('No sandbox: the server may do what Sallyport itself may.');
  if (level === 'limited') gaps.push('The server sees the files of its user and the whole network.');
  if (isRoot && level !== 'none') gaps.push('The server runs as root, though without capabilities.');
  if (level !== 'none' && !facts.shellCloses) {
    gaps.push('Descriptors that Sallyport was started with may reach the server: install bash, which can close them.');
  }
  if (isOnline(level, spec) && facts.perl === undefined) {
    gaps.push(
      'Without Perl the server reaches what listens on other addresses of this machine than its first, and what a cloud tells its machines.',
    );
  }
  if (isCaged(level) && !isAtLeast(facts.bwrap, BWRAP_SIZES)) {
    gaps.push('This bubblewrap cannot bound the temporary files of a server: 0.7 can.');
  }
  return gaps;
}
