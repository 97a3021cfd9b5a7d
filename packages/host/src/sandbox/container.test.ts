import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerRun } from './container.ts';

const read = (line: string, command = '/usr/bin/docker') =>
  containerRun({ command, args: line.split(' '), cwd: '/work', hidden: ['/home/me/.local/state/sallyport'] });

describe('containerRun', () => {
  it.each([
    ['run -i --rm image'],
    ['container run image'],
    ['--context far run image'],
    ['-H tcp://engine:2375 -D run image'],
    ['--host=tcp://engine:2375 container run image'],
  ])('recognises docker %s', (line) => {
    expect(read(line)).toMatchObject({ engine: 'docker', opens: [] });
    expect(read(line, '/usr/local/bin/podman')).toMatchObject({ engine: 'podman' });
  });

  it.each([
    ['exec -i box server', 'docker'],
    ['container exec -i box server', 'docker'],
    ['--context far start -ai box', 'docker'],
    ['compose -f x.yaml run --rm server', 'docker'],
    ['run --rm server', 'docker-compose'],
    ['mcp gateway run', 'docker'],
  ])('recognises what leads into a container that is made elsewhere: %s by %s', (line, program) => {
    expect(read(line, `/usr/bin/${program}`)).toMatchObject({
      engine: 'docker',
      opens: [],
      elsewhere: expect.any(String),
    });
  });

  it('names a privileged process in one', () => {
    expect(read('exec --privileged box sh')?.opens).toEqual(['--privileged']);
  });

  it.each([['ps'], ['--context run'], ['constructor'], ['']])('takes docker %s for no container', (line) =>
    expect(read(line)).toBeUndefined(),
  );

  it('knows no other command', () => {
    for (const command of ['/usr/bin/npx', '/usr/bin/dockerd', '/opt/docker/run'])
      expect(read('run x', command)).toBeUndefined();
  });

  it.each([
    ['--privileged', '--privileged'],
    ['-it --privileged=true', '--privileged'],
    ['--net=host', '--net host'],
    ['--network host', '--network host'],
    ['--network container:other', '--network container:other'],
    ['--pid=host', '--pid host'],
    ['--ipc host', '--ipc host'],
    ['--userns=host', '--userns host'],
    ['--cap-add SYS_ADMIN', '--cap-add SYS_ADMIN'],
    ['--device=/dev/kmsg', '--device /dev/kmsg'],
    ['--volumes-from other', '--volumes-from other'],
    ['--use-api-socket', '--use-api-socket'],
    ['--security-opt seccomp=unconfined', '--security-opt seccomp=unconfined'],
    ['--security-opt=apparmor:unconfined', '--security-opt apparmor:unconfined'],
    ['--security-opt label=disable', '--security-opt label=disable'],
    ['-v /:/host', '--volume /'],
    ['-v=/:/host', '--volume /'],
    ['-itv /etc:/host:ro', '--volume /etc'],
    ['-v/var/run/docker.sock:/x', '--volume /var/run/docker.sock'],
    ['--volume=/run/user/1000/podman/podman.sock:/x', '--volume /run/user/1000/podman/podman.sock'],
    ['-v ../:/up', '--volume ../'],
    ['-v /tmp/../:/x', '--volume /tmp/../'],
    ['--mount type=bind,source=/proc/1,target=/x', '--mount /proc/1'],
    ['--mount target=/x,src=/,type=bind', '--mount /'],
    ['-v /home/me/.local/state/sallyport/state.db:/x', '--volume /home/me/.local/state/sallyport/state.db'],
    ['-v /home/me:/x', '--volume /home/me'],
  ])('P4-03 names what opens a container: %s', (flags, told) => {
    for (const before of ['', '-i --rm ', '-e A=b --name x ', '--no-such-switch ', '--memory-swap -1 ']) {
      expect(read(`run ${before}${flags} image server`)?.opens, before).toEqual([told]);
    }
  });

  it.each([
    ['--privileged=false'],
    ['-v data:/data'],
    ['-v /work/project:/project -w /project'],
    ['--mount type=volume,src=data,target=/x'],
    ['--network none --cap-drop ALL --security-opt no-new-privileges --pid private'],
    ['--name host --hostname host -e NETWORK=host'],
  ])('finds nothing in %s', (flags) => {
    expect(read(`run ${flags} image --privileged -v /:/x`)?.opens).toEqual([]);
  });

  it('finds --privileged wherever it stands before the image', () => {
    const flag = fc.constantFrom(
      '-i',
      '-t',
      '--rm',
      '--init',
      '-e A=b',
      '--env=A',
      '--name x',
      '-u 1:1',
      '-p 1:1',
      '-it',
      '--x',
      '--x=y',
    );
    fc.assert(
      fc.property(fc.array(flag), fc.array(flag), (before, after) => {
        const { opens } = read(['run', ...before, '--privileged', ...after, 'image'].join(' ')) ?? {};
        expect(opens).toEqual(['--privileged']);
      }),
    );
  });
});
