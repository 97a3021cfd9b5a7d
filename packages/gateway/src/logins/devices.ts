/** Logins with a code that is entered in any browser (RFC 8628), one at a time for each owner. It asks no server itself. */

import { randomUUID } from 'node:crypto';
import type { DeviceLogin } from '@sallyport/client/oauth';

export interface DeviceBegin {
  /** Asks the server; who aborts the signal ends the login. */
  readonly begin: (signal: AbortSignal) => Promise<DeviceLogin>;
  readonly came: () => void;
  readonly failed: (error: unknown) => void;
}

export interface Devices {
  /** `key`: of the owner. One that was begun before for it ends. `state` names this one while it is under way. */
  begin(key: string, options: DeviceBegin): Promise<{ readonly device: DeviceLogin; readonly state: string }>;
  isUnderWay(state: string): boolean;
  /** Of these owners; the codes can still be entered, and bring nothing. */
  end(isOf: (key: string) => boolean): void;
}

export function createDevices(): Devices {
  const stops = new Map<string, AbortController>();
  const underWay = new Set<string>();
  return {
    begin: async (key, { begin, came, failed }) => {
      stops.get(key)?.abort();
      const stop = new AbortController();
      stops.set(key, stop);
      const device = await begin(stop.signal);
      const state = randomUUID();
      underWay.add(state);
      void device.finished.then(came, failed).finally(() => {
        underWay.delete(state);
        if (stops.get(key) === stop) stops.delete(key);
      });
      return { device, state };
    },
    isUnderWay: (state) => underWay.has(state),
    end: (isOf) => {
      for (const [key, stop] of stops) if (isOf(key)) stop.abort();
    },
  };
}
