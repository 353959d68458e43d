// Does a piece of work with @stomp/stompjs, as it comes, and says on stdout what
// it took:
//
//	{"seconds": …, "cpu": …}
//
// The task is a JSON object in the environment; task.go says what its fields
// mean. The one setting that is not the default: no permessage-deflate, because
// RabbitMQ would compress every message, and the others do not ask for it.

import { Client, Versions } from '@stomp/stompjs';
import WebSocket from 'ws';

const task = JSON.parse(process.env.WEBSTOMP_RIVAL_TASK);
const body = 'x'.repeat(task.size);

function fail(why) {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

const client = new Client({
  stompVersions: new Versions([Versions.V1_2]),
  connectHeaders: task.login ? { login: task.login, passcode: task.passcode } : {},
  heartbeatOutgoing: 0,
  heartbeatIncoming: 0,
  reconnectDelay: 0,
  webSocketFactory: () => new WebSocket(task.url, ['v12.stomp'], { perMessageDeflate: false }),
  onStompError: frame => fail(`ERROR ${frame.headers.message}: ${frame.body}`),
  onWebSocketClose: event => fail(`the connection was closed: ${event.code} ${event.reason}`),
});

// receipt returns a header that asks for one, and a promise of it.
let receipts = 0;
function receipt() {
  const id = `receipt-${++receipts}`;
  return [{ receipt: id }, new Promise(resolve => client.watchForReceipt(id, resolve))];
}

// take makes a subscription, and returns a function whose promise is kept when
// so many messages have come since; each is given to came.
async function take(destination, came = () => {}) {
  let left = 0;
  let done;
  const [header, confirmed] = receipt();
  client.subscribe(destination, message => {
    if (message.binaryBody.length !== task.size) {
      fail(`a message has ${message.binaryBody.length} bytes, want ${task.size}`);
    }
    if (--left === 0) {
      done();
    } else {
      came();
    }
  }, header);
  await confirmed;
  return n => new Promise(resolve => {
    left = n;
    done = resolve;
  });
}

// A program that sends in a loop has to let the socket write, and to mind how
// much waits in it already.
const atOnce = 500;
const waiting = 1 << 20;

async function send(destination, n) {
  for (let i = 0; i < n; i++) {
    client.publish({ destination, body });
    if (i % atOnce === atOnce - 1) {
      do {
        await new Promise(setImmediate);
      } while (client.webSocket.bufferedAmount > waiting);
    }
  }
}

// Each prepares a piece of work and returns what does it with so many messages.
const works = {
  async receive() {
    const messages = await take('/flood');
    return n => {
      const all = messages(n);
      client.publish({ destination: '/flood', headers: { count: n, size: task.size } });
      return all;
    };
  },
  async send() {
    return async n => {
      await send('/sink', n - 1);
      const [headers, confirmed] = receipt();
      client.publish({ destination: '/sink', body, headers });
      await confirmed;
    };
  },
  async echo() {
    const one = () => client.publish({ destination: '/echo', body });
    const messages = await take('/echo', one);
    return n => {
      const all = messages(n);
      one();
      return all;
    };
  },
  async topic() {
    const topic = '/topic/rival';
    const messages = await take(topic);
    return async n => {
      const all = messages(n);
      await send(topic, n);
      await all;
    };
  },
};

client.onConnect = async () => {
  try {
    const run = await works[task.work]();
    await run(task.warmUp);
    const start = process.hrtime.bigint();
    const before = process.cpuUsage();
    await run(task.messages);
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    const { user, system } = process.cpuUsage(before);
    process.stdout.write(JSON.stringify({ seconds, cpu: (user + system) / 1e6 }), () => process.exit(0));
  } catch (err) {
    fail(err?.stack ?? err);
  }
};
client.activate();
