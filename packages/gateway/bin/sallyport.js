#!/usr/bin/env node
// Plain JavaScript without imports: it must run on any Node to say that the Node is too old.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 13)) {
  // What a gateway reads once to start would grow V8's young heap to 16 MiB, which an idle gateway then keeps: it grows later, at once
  // to all that calls need. Costs some 30 ms of the start, so the other verbs do without.
  if (process.argv.length === 2 || process.argv.includes('serve')) {
    const { setFlagsFromString } = process.getBuiltinModule('node:v8');
    setFlagsFromString('--semi-space-growth-factor=1');
    setTimeout(() => setFlagsFromString('--semi-space-growth-factor=16'), 3000).unref();
    // A call passes many small functions. V8's budget for drawing them together ends in the midst of the route.
    setFlagsFromString('--max-inlined-bytecode-size-cumulative=3680');
  }
  import('../dist/cli.js').then(
    (cli) => cli.main(),
    (error) => {
      console.error(`sallyport: cannot start: ${error.message}`);
      process.exitCode = 1;
    },
  );
} else {
  console.error(`sallyport: Node ${process.versions.node} is too old; Node 22.13 or newer is needed.`);
  process.exitCode = 2;
}
