/** Sends an alert to each place that the configuration names, to try whether it arrives. Asked for by `doctor --alerts`. */
import { sendTestAlert } from '../../wiring/alerts-state.ts';
import { throughProxy } from '../../wiring/egress-settings.ts';
import { createOutbound } from '../../wiring/outbound.ts';
import { fail, ok, warn, type Finding } from './report.ts';
import { messageOf } from './state.ts';
import type { Configured } from './visit.ts';

export async function checkAlerts({ context, loaded }: Configured): Promise<readonly Finding[]> {
  const { alerts, egress } = loaded.config;
  if (alerts.length === 0) return [warn('alerts', 'none are written', 'write `alerts` into the file')];
  const fetch = createOutbound(throughProxy(context.env, egress.proxy));
  const parts = { fetch, log: () => undefined, now: context.now, version: context.version };
  return await Promise.all(
    alerts.map(async ({ to }, index): Promise<Finding> => {
      const check = `alert ${index + 1}`;
      if (to.type === 'log') return ok(check, 'goes to the log');
      const place = to.type === 'webhook' ? new URL(to.url).origin : to.address;
      try {
        await sendTestAlert(to, parts);
        return ok(check, `sent to ${place}`);
      } catch (error) {
        return fail(check, `${place}: ${messageOf(error)}`, 'correct alerts[].to, or look at the network');
      }
    }),
  );
}
