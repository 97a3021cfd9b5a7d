import type { Exchange } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import type { Call, Step } from './call.ts';
import { InnerExchange } from './inner-exchange.ts';
import { createPipeline, type Steps } from './pipeline.ts';

const EARS = {
  notify: () => undefined,
  ask: () => Promise.reject(new Error('nobody is asked')),
  hold: () => undefined,
};

function outerExchange(): { readonly exchange: Exchange; readonly cancel: () => void } {
  const listeners: (() => void)[] = [];
  const exchange = {
    era: 'stateless',
    endpoint: '/mcp/v/reading?discovery=search',
    principal: { issuer: 'i', subject: 's', roles: [] },
    message: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'run_code' } },
    onCancel: (listener: () => void) => listeners.push(listener),
  } as never as Exchange;
  return { exchange, cancel: () => listeners.forEach((listener) => listener()) };
}

const request = { name: 's__t', arguments: { a: 1 } };

describe('an inner call', () => {
  it('is of its outer caller, at the same place, and goes with it or alone', () => {
    const { cancel, exchange } = outerExchange();
    const [one, other] = [new InnerExchange(exchange, request, EARS), new InnerExchange(exchange, request, EARS)];
    const heard: string[] = [];
    one.onCancel(() => heard.push('one'));
    other.onCancel(() => heard.push('other'));
    expect([one.principal, one.endpoint]).toEqual([exchange.principal, exchange.endpoint]);
    one.cancel();
    expect([one.cancelled, other.cancelled, heard]).toEqual([true, false, ['one']]);
    cancel();
    expect([other.cancelled, heard]).toEqual([true, ['one', 'other']]);
    other.onCancel(() => heard.push('late'));
    expect(heard).toEqual(['one', 'other', 'late']);
  });

  it.each([
    ['and none of interceptors where there are none', false],
    ['and is shown to interceptors', true],
  ])(
    'takes every step of a call but the first, never as one of our own tools, and is recorded under the outer one, %s',
    async (_what, intercepts) => {
      const passed: string[] = [];
      const recorded: Call[] = [];
      const steps = new Proxy({} as Steps, {
        get: (_steps, name: string): unknown => {
          if (name === 'leave') return () => undefined;
          if (name === 'intercepts') return () => intercepts;
          if (name === 'beginOwn') return () => passed.push('beginOwn') > 0;
          const step: Step = (call, next) => {
            passed.push(name);
            return name === 'send' ? Promise.resolve({ kind: 'value', result: {} }) : next(call);
          };
          return step;
        },
      });
      const measure = { begin: () => 0, ended: () => undefined };
      const audit = { blocked: () => undefined, ended: (call: Call) => void recorded.push(call) };
      const { inner } = createPipeline(
        steps,
        () => undefined,
        measure,
        audit,
        () => undefined,
      );
      const { exchange } = outerExchange();
      const outer: Call = { exchange };
      await inner(outer, new InnerExchange(exchange, { name: 'call_tool', arguments: {} }, EARS));
      expect(passed.slice(0, 4)).toEqual(['admit', 'resolve', 'authorize', 'caution']);
      expect(passed).toEqual(
        expect.arrayContaining(['admitTarget', 'approve', 'guardIn', 'confirm', 'guardOut', 'send']),
      );
      expect(passed).not.toContain('beginOwn');
      const around = ['admitTarget', 'interceptBefore', 'approve', 'confirm', 'interceptAfter', 'guardOut', 'send'];
      const wanted = around.filter((name) => intercepts || !name.startsWith('intercept'));
      expect(passed.filter((name) => around.includes(name))).toEqual(wanted);
      expect(recorded.map((call) => call.outer)).toEqual([outer]);
    },
  );
});
