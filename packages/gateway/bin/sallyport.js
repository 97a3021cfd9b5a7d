#!/usr/bin/env node
// Plain JavaScript without imports: it must run on any Node to say that the Node is too old.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 13)) {
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
