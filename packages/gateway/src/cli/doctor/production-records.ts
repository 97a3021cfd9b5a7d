/** What is left of what happened: the audit trail and whether it is whole, who is told, backups, and room on the disk. */
import { statfs } from 'node:fs/promises';
import { auditFolder, auditKeys } from '../../wiring/audit-trail.ts';
import { listChains } from '../../audit/folder.ts';
import { recordsOf } from '../../audit/read.ts';
import { verifyTrail } from '../../audit/verify.ts';
import type { Config } from '../../config/index.ts';
import { openMasterKey } from '../../credentials/index.ts';
import { agoText, count } from '../text.ts';
import { fail, ok, warn, type Finding } from './report.ts';
import { messageOf } from './state.ts';
import type { Configured } from './visit.ts';

const DAY_MS = 86_400_000;
const LEAST_RETENTION_MS = 90 * DAY_MS;
const RECENT_BACKUP_MS = 7 * DAY_MS;
const MIB = 1024 * 1024;
const LEAST_FREE = 256 * MIB;
const GOOD_FREE = 2048 * MIB;

export async function checkRecords(visit: Configured): Promise<readonly Finding[]> {
  const { config } = visit.loaded;
  const kept = keeping(config);
  return [
    ...kept,
    ...(kept.some(({ verdict }) => verdict === 'fail') ? [] : await trail(visit)),
    alerts(config),
    ...(await disk(visit.state)),
  ];
}

function keeping({ audit, store }: Config): readonly Finding[] {
  if (!audit.enabled) return [fail('audit', 'there is no audit trail', 'set audit.enabled: true')];
  if (store === 'memory') return [fail('audit', 'nothing is kept: store is memory', 'set store: sqlite')];
  const missing = EVENTS.filter((event) => !audit.events.includes(event));
  return [
    missing.length > 0
      ? warn('audit', `it leaves out ${missing.join(', ')}`, 'take audit.events out of the file')
      : ok('audit', `${audit.durability}${audit.encrypt ? ', encrypted' : ''}`),
    audit.retentionMs < LEAST_RETENTION_MS
      ? warn(
          'retention',
          `records are removed after ${Math.floor(audit.retentionMs / DAY_MS)} days`,
          'set audit.retention: 365d',
        )
      : ok('retention', `${Math.floor(audit.retentionMs / DAY_MS)} days`),
    ...(audit.values
      ? [
          warn(
            'values',
            'arguments and results stand in the records',
            'set audit.values: false, unless somebody needs them',
          ),
        ]
      : []),
    ...(audit.sinks.length === 0 && audit.file === undefined
      ? [
          warn(
            'copy',
            'the trail is on this machine alone: who has its master key can write another',
            'add a sink to audit.sinks',
          ),
        ]
      : [ok('copy', 'records go elsewhere, too')]),
  ];
}

const EVENTS = ['authentication', 'authorization', 'configuration_change', 'server_access', 'admin_actions'] as const;

async function trail({ context, state }: Configured): Promise<readonly Finding[]> {
  const folder = auditFolder(state);
  const chains = await listChains(folder);
  if (chains.length === 0) return [ok('verify', 'no records yet'), noBackup()];
  try {
    const keys = auditKeys(await openMasterKey({ directory: state, env: context.env }));
    const { chains: good, problems } = await verifyTrail(folder, keys);
    const [first] = problems;
    const records = good.reduce((sum, chain) => sum + chain.records, 0);
    const verified =
      first === undefined
        ? ok('verify', `${count(records, 'record')}, all as they were written`)
        : fail('verify', `${first.chain}: ${first.message}`, 'sallyport audit verify, and docs/INCIDENTS.md');
    let backupMs: number | undefined;
    for (const { chain, segments } of chains) {
      for (const segment of segments) {
        for await (const { text } of recordsOf(folder, chain, segment, keys)) {
          if (text.includes('"action":"state.backup"')) backupMs = timeOf(text) ?? backupMs;
        }
      }
    }
    return [verified, backup(backupMs, context.now())];
  } catch (error) {
    return [fail('verify', messageOf(error))];
  }
}

function timeOf(record: string): number | undefined {
  const { action, decision, time } = JSON.parse(record) as Readonly<Record<string, unknown>>;
  return action === 'state.backup' && decision === 'allow' ? Date.parse(String(time)) : undefined;
}

function backup(lastMs: number | undefined, nowMs: number): Finding {
  if (lastMs === undefined) return noBackup();
  const text = `the last one was made ${agoText(nowMs - lastMs)} ago`;
  return nowMs - lastMs > RECENT_BACKUP_MS ? warn('backup', text, 'sallyport backup FILE') : ok('backup', text);
}

function noBackup(): Finding {
  return warn('backup', 'none was made of this state', 'sallyport backup FILE');
}

function alerts({ alerts: all }: Config): Finding {
  return all.some(({ to }) => to.type !== 'log')
    ? ok('alerts', `${count(all.length, 'alert')}; \`sallyport doctor --alerts\` tries them`)
    : warn('alerts', 'nobody is told when something happens', 'write alerts with a webhook or syslog');
}

/** Of the state; where there is none yet nothing is known. */
async function disk(state: string): Promise<readonly Finding[]> {
  const found = await statfs(state).catch(() => undefined);
  if (found === undefined) return [];
  const free = found.bavail * found.bsize;
  const text = `${Math.floor(free / MIB)} MiB free for the state`;
  const remedy = 'make room: a trail that cannot be written stops calls';
  if (free < LEAST_FREE) return [fail('disk', text, remedy)];
  return [free < GOOD_FREE ? warn('disk', text, remedy) : ok('disk', text)];
}
