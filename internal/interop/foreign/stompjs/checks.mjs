// The checks, by name. Each gets a Desk and fails by throwing.

import assert from 'node:assert/strict';
import { sum } from './desk.mjs';

const { equal, deepEqual, ok } = assert;

// story describes a message that the partner forwarded: its body, and "again" if it
// was redelivered.
const story = m => m.body + (m.headers['x-redelivered'] === 'true' ? ' again' : '');

// expect reads what the partner forwards and checks that nothing else is left, by
// sending "last" behind it.
async function expect(peer, from, seen, bodies) {
  deepEqual((await seen.take(bodies.length, 'message')).map(story), bodies);
  peer.send(from, 'last');
  equal(story(await seen.next('the last message')), 'last');
}

// same sends a body through the partner and back.
async function same(desk, body, type) {
  const peer = await desk.open();
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const back = await desk.echo(peer, body, { 'content-type': type });
  equal(back.headers['x-sum'], sum(bytes), 'the body that the partner saw');
  equal(sum(back.binaryBody), sum(bytes), 'the body that came back');
  equal(back.headers['content-type'], type);
}

// What a header may hold in each version. stompjs unescapes \n after \\, in the wrong
// order, so no n, r or c follows a backslash here. It escapes in 1.2 only; in 1.1 its
// user has to.
const probes = { '1.0': 'one:two\\five', 1.1: 'one:two\nthree\\five', 1.2: 'one:two\nthree\rfour\\five' };
const escaped11 = 'one\\ctwo\\nthree\\\\five';

// queued opens a peer with an unacked subscription to a queue of n messages.
async function queued(desk, n, ack) {
  const from = desk.name();
  const peer = await desk.open();
  await desk.publish(peer, from, n);
  const box = peer.subscribe(from, { ack });
  const messages = await box.take(n, 'message');
  deepEqual(messages.map(m => m.body), Array.from({ length: n }, (_, i) => `${i + 1}`));
  return { from, peer, box, messages };
}

// left checks what is left in a queue after its consumer has gone.
async function left(desk, from, bodies) {
  const peer = await desk.open();
  await expect(peer, from, await desk.watch(peer, from), bodies);
}

export const checks = {
  async connect(desk) {
    const peer = desk.peer();
    const frame = await peer.connected.next('CONNECTED');
    equal(frame.headers.version, desk.config.version);
    equal(peer.subprotocol, `v${desk.config.version.replace('.', '')}.stomp`);
  },

  async 'wrong-login'(desk) {
    const peer = desk.peer({ passcode: 'wrong' });
    const error = await peer.errors.next('ERROR');
    ok(error.headers.message, 'ERROR has no message');
    equal(peer.client.connected, false);
  },

  async 'send-and-subscribe'(desk) {
    const peer = await desk.open();
    const to = desk.name();
    const box = peer.subscribe(to);
    const bodies = Array.from({ length: 100 }, (_, i) => `message ${i}`);
    bodies.forEach(body => peer.send(to, body));
    const came = await box.take(bodies.length, 'message');
    deepEqual(came.map(m => m.body), bodies);
    ok(came.every(m => m.headers.destination === to));
  },

  async 'fan-out'(desk) {
    const [one, two] = [await desk.open(), await desk.open()];
    const topic = desk.name('topic');
    const ours = await desk.watch(one, topic);
    const theirs = [one.subscribe(topic), two.subscribe(topic)];
    // An echo comes after the SUBSCRIBE before it.
    await desk.echo(one, '');
    await desk.echo(two, '');
    await desk.publish(one, topic, 2);
    one.send(topic, '3');
    for (const box of theirs) {
      deepEqual((await box.take(3, 'message')).map(m => m.body), ['1', '2', '3']);
    }
    await expect(one, topic, ours, ['1', '2', '3']);
  },

  text: desk => same(desk, 'one\ntwo\r\nthree\n', 'text/plain'),
  'utf-8': desk => same(desk, 'grüße, Ελλάδα, 日本, 🦉', 'text/plain;charset=utf-8'),
  binary: desk => same(desk, Uint8Array.from({ length: 512 }, (_, i) => i), 'application/octet-stream'),
  empty: desk => same(desk, '', 'text/plain'),
  nul: desk => same(desk, '\0one\0two\0', 'text/plain'),
  large: desk => same(desk, 'grüße, 0123456789\n'.repeat(Math.ceil(desk.config.large / 20)), 'text/plain'),

  async 'header-escapes'(desk) {
    const peer = await desk.open();
    const probe = probes[desk.config.version];
    const wire = desk.config.version === '1.1' ? escaped11 : probe;
    const back = await desk.echo(peer, '', { 'x-probe': wire });
    equal(back.headers['x-seen'], Buffer.from(probe).toString('hex'), 'the value that the partner saw');
    equal(back.headers['x-probe'], wire, 'the value that came back');
  },

  async 'message-type'(desk) {
    const peer = await desk.open();
    await desk.echo(peer, 'text', { 'content-type': 'text/plain' });
    deepEqual([...peer.types], [desk.config.receive]);
  },

  async 'ack-client'(desk) {
    const { from, peer, messages } = await queued(desk, 3, 'client');
    messages[1].ack();
    await peer.leave();
    await left(desk, from, ['3 again']);
  },

  async 'ack-individual'(desk) {
    const { from, peer, messages } = await queued(desk, 3, 'client-individual');
    messages[0].ack();
    messages[2].ack();
    await peer.leave();
    await left(desk, from, ['2 again']);
  },

  async nack(desk) {
    const { from, peer, box, messages } = await queued(desk, 1, 'client-individual');
    messages[0].nack();
    const again = await box.next('the message again');
    equal(again.body, '1');
    equal(again.headers.redelivered, 'true');
    again.ack();
    await peer.leave();
    await left(desk, from, []);
  },

  async redelivery(desk) {
    const { from, peer } = await queued(desk, 3, 'client');
    await peer.vanish();
    await left(desk, from, ['1 again', '2 again', '3 again']);
  },

  async 'transaction-commit'(desk) {
    const peer = await desk.open();
    const to = desk.name();
    const seen = await desk.watch(peer, to);
    const tx = peer.client.begin();
    peer.send(to, '1', { transaction: tx.id });
    peer.send(to, '2', { transaction: tx.id });
    peer.send(to, 'outside');
    equal(story(await seen.next('what was sent outside')), 'outside');
    tx.commit();
    await expect(peer, to, seen, ['1', '2']);
  },

  async 'transaction-abort'(desk) {
    const peer = await desk.open();
    const to = desk.name();
    const seen = await desk.watch(peer, to);
    const tx = peer.client.begin();
    peer.send(to, '1', { transaction: tx.id });
    tx.abort();
    await expect(peer, to, seen, []);
  },

  async 'transaction-ack'(desk) {
    for (const end of ['commit', 'abort']) {
      const { from, peer, messages } = await queued(desk, 1, 'client');
      const tx = peer.client.begin();
      messages[0].ack({ transaction: tx.id });
      tx[end]();
      await peer.leave();
      await left(desk, from, end === 'commit' ? [] : ['1 again']);
    }
  },

  async 'receipt-send'(desk) {
    const peer = await desk.open();
    await peer.receipt('SEND', h => peer.send(desk.name(), 'x', h));
  },

  async 'receipt-subscribe'(desk) {
    const peer = await desk.open();
    await peer.receipt('SUBSCRIBE', h => peer.subscribe(desk.name(), h));
  },

  async 'receipt-unsubscribe'(desk) {
    const peer = await desk.open();
    const box = peer.subscribe(desk.name());
    await peer.receipt('UNSUBSCRIBE', h => box.unsubscribe(h));
  },

  async 'receipt-ack'(desk) {
    const { peer, messages } = await queued(desk, 1, 'client');
    await peer.receipt('ACK', h => messages[0].ack(h));
  },

  async 'receipt-disconnect'(desk) {
    const peer = await desk.open();
    peer.client.disconnectHeaders = { receipt: 'goodbye' };
    await peer.leave();
    equal((await peer.goodbyes.next('the RECEIPT of DISCONNECT')).headers['receipt-id'], 'goodbye');
  },

  // The Go test checks that DISCONNECT was the last frame of this connection.
  async disconnect(desk) {
    const peer = await desk.open();
    peer.send('/queue/control', 'bye');
    await peer.leave();
  },

  async 'heart-beats'(desk) {
    const peer = await desk.open({ beat: 1000 });
    const start = Date.now();
    // The server cuts a client that is silent for 2 s, and beats every second.
    for (let beats = 0; beats < 3 || Date.now() - start < 3000; beats++) {
      await peer.beats.next('a heart-beat');
    }
    equal((await desk.echo(peer, 'still here')).body, 'still here');
  },

  async silence(desk) {
    const peer = await desk.open({ beat: 1000, reconnect: 50 });
    peer.send('/queue/control', 'silence');
    await peer.lost.next('the heart-beats to cease');
    await peer.closed.next('the end of the silent connection');
    await peer.connected.next('the next CONNECTED');
    equal((await desk.echo(peer, 'heard')).body, 'heard');
  },

  async cut(desk) {
    const peer = await desk.open({ reconnect: 50 });
    peer.send('/queue/control', 'cut');
    await peer.closed.next('the end of the connection');
    await peer.connected.next('the next CONNECTED');
    // The partner was cut as well. A server without queues loses what is sent to the
    // partner before it is back, so ask until it answers.
    const to = desk.name();
    const answers = peer.subscribe(to);
    const asking = setInterval(() => peer.send('/queue/to-go', 'back', { order: 'echo', 'reply-to': to }), 50);
    try {
      equal((await answers.next('the partner after the cut')).body, 'back');
    } finally {
      clearInterval(asking);
    }
  },
};
