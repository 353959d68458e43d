// Runs checks of @stomp/stompjs against a broker and the partner behind it, and
// prints the result of each:
//
//	ok NAME
//	fail NAME: reason
//	end
//
// The exit status is 0 when it reaches the end, whatever the results. Its one
// argument is a JSON object:
//
//	url            of the broker
//	version        of STOMP that the client offers: 1.0, 1.1 or 1.2
//	login, passcode
//	checks         names, see checks.mjs
//	receive        type of the WebSocket messages in which the broker sends text: text or binary
//	binary         send binary WebSocket messages only
//	split          send a long text frame in several WebSocket messages
//	large          bytes of the large body

import { checks } from './checks.mjs';
import { Desk, within } from './desk.mjs';

// patience bounds one check, in milliseconds.
const patience = 60_000;

// The checks that wait for heart-beats take seconds, so they run at the same time,
// when nothing else keeps this one thread from its own heart-beats. The one that cuts
// every connection of the broker runs last, alone.
const slow = ['heart-beats', 'silence'];
const last = ['cut'];

const config = JSON.parse(process.argv[2]);

function say(line) {
  process.stdout.write(line + '\n');
}

async function attempt(name) {
  const desk = new Desk(config, name);
  try {
    if (!checks[name]) {
      throw new Error('there is no such check');
    }
    await within(patience, 'the check', checks[name](desk));
  } finally {
    await desk.clear();
  }
}

async function run(name) {
  try {
    await attempt(name);
    say(`ok ${name}`);
  } catch (err) {
    say(`fail ${name}: ${String(err?.message ?? err).replace(/\s+/g, ' ')}`);
  }
}

const among = names => config.checks.filter(name => names.includes(name));
for (const name of config.checks) {
  if (!slow.includes(name) && !last.includes(name)) {
    await run(name);
  }
}
await Promise.all(among(slow).map(run));
for (const name of among(last)) {
  await run(name);
}
say('end');
process.exit(0); // whatever sockets are left
