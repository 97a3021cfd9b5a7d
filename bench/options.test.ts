import { describe, expect, it } from 'vitest';
import { readOptions } from './options.ts';

describe('readOptions', () => {
  it('measures an HTTP upstream when nothing else is asked for', () => {
    expect(readOptions([])).toMatchObject({ http: true, stdio: false, scale: false, era: 'session', rounds: 5 });
  });

  it('runs the parts that are named and no other', () => {
    expect(readOptions(['--stdio'])).toMatchObject({ http: false, stdio: true, scale: false });
    expect(readOptions(['--scale', '--write'])).toMatchObject({ http: false, stdio: false, scale: true });
  });

  it.each(['--write', '--smoke'])('%s alone means all parts', (flag) => {
    expect(readOptions([flag])).toMatchObject({ http: true, stdio: true, scale: true });
  });

  it('reads lists and seconds', () => {
    const options = readOptions(['--only', 'splice,json', '--conns', '1,16', '--bytes', '100', '--seconds', '0.5']);
    expect(options).toMatchObject({ only: ['splice', 'json'], connections: [1, 16], bytes: [100], measureMs: 500 });
  });

  it.each([
    [['--conns', '1,x'], /--conns: "x"/],
    [['--conns', '1.5'], /--conns: 1.5/],
    [['--bytes', '0'], /--bytes: "0"/],
    [['--bytes', '2000000'], /up to 1048576/],
    [['--rounds', '2,3'], /--rounds takes one/],
    [['--seconds', '-1'], /--seconds/],
    [['--era', 'old'], /neither session nor stateless/],
    [['--nothing'], /nothing/],
  ])('refuses %j', (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });
});
