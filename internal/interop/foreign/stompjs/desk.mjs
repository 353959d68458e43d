// What a check works with: connections of @stomp/stompjs, mailboxes with a time
// limit, and orders to the partner behind the broker.

import { createHash } from 'node:crypto';
import { Client, Versions } from '@stomp/stompjs';
import WebSocket from 'ws';

// bound is how long one answer may take, in milliseconds.
const bound = 20_000;

// within waits for a promise, and throws when that takes longer.
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Mailbox keeps what callbacks deliver until somebody asks for it.
export class Mailbox {
  #kept = [];
  #asking = [];

  put(thing) {
    const ask = this.#asking.shift();
    if (ask) {
      ask(thing);
    } else {
      this.#kept.push(thing);
    }
  }

  next(what) {
    if (this.#kept.length > 0) {
      return this.#kept.shift();
    }
    return within(bound, `waiting for ${what}`, new Promise(resolve => this.#asking.push(resolve)));
  }

  async take(n, what) {
    const things = [];
    while (things.length < n) {
      things.push(await this.next(`${what} ${things.length + 1} of ${n}`));
    }
    return things;
  }
}

// Peer is one Client of stompjs whose callbacks fill mailboxes.
export class Peer {
  connected = new Mailbox();
  closed = new Mailbox();
  errors = new Mailbox();
  goodbyes = new Mailbox(); // the RECEIPT of DISCONNECT
  beats = new Mailbox();
  lost = new Mailbox(); // the loss of heart-beats
  types = new Set(); // of the WebSocket messages received
  subprotocol = '';
  #receipts = 0;

  constructor(config, { passcode = config.passcode, beat = 0, reconnect = 0 } = {}) {
    this.client = new Client({
      stompVersions: new Versions([config.version]),
      connectHeaders: { login: config.login, passcode },
      heartbeatOutgoing: beat,
      heartbeatIncoming: beat,
      reconnectDelay: reconnect,
      splitLargeFrames: config.split,
      forceBinaryWSFrames: config.binary,
      discardWebsocketOnCommFailure: true, // a silent server answers no close
      webSocketFactory: () => this.#dial(config.url),
      onConnect: frame => this.connected.put(frame),
      onWebSocketClose: event => this.closed.put(event),
      onStompError: frame => this.errors.put(frame),
      onDisconnect: frame => this.goodbyes.put(frame),
      onHeartbeatReceived: () => this.beats.put(Date.now()),
      onHeartbeatLost: () => this.lost.put(Date.now()),
    });
  }

  #dial(url) {
    const socket = new WebSocket(url, this.client.stompVersions.protocolVersions());
    socket.on('open', () => { this.subprotocol = socket.protocol; });
    socket.on('message', (_, binary) => this.types.add(binary ? 'binary' : 'text'));
    return socket;
  }

  // subscribe returns the mailbox of the subscription's messages; its property
  // unsubscribe ends the subscription.
  subscribe(destination, headers) {
    const box = new Mailbox();
    const subscription = this.client.subscribe(destination, message => box.put(message), headers);
    box.unsubscribe = h => subscription.unsubscribe(h);
    return box;
  }

  send(destination, body, headers = {}) {
    const what = typeof body === 'string' ? { body } : { binaryBody: body };
    this.client.publish({ destination, headers, ...what });
  }

  // receipt calls act with a header that asks for a RECEIPT, and waits for that.
  async receipt(what, act) {
    const id = `receipt-${++this.#receipts}`;
    const box = new Mailbox();
    this.client.watchForReceipt(id, frame => box.put(frame));
    await act({ receipt: id });
    return box.next(`the RECEIPT of ${what}`);
  }

  // leave sends DISCONNECT and waits until the connection is closed.
  leave() {
    return within(bound, 'the end after DISCONNECT', this.client.deactivate());
  }

  // vanish closes the connection without DISCONNECT.
  vanish() {
    return within(bound, 'the end of the connection', this.client.deactivate({ force: true }));
  }
}

// Desk belongs to one check: clear closes what the check opened.
export class Desk {
  #peers = [];
  #names = 0;

  constructor(config, check) {
    this.config = config;
    this.check = check;
  }

  // name returns a destination that nobody else uses.
  name(kind = 'queue') {
    return `/${kind}/${this.check}-${++this.#names}`;
  }

  // peer returns a client that is about to connect.
  peer(options) {
    const peer = new Peer(this.config, options);
    this.#peers.push(peer);
    peer.client.activate();
    return peer;
  }

  // open returns a client that is connected.
  async open(options) {
    const peer = this.peer(options);
    await peer.connected.next('CONNECTED');
    return peer;
  }

  // ask orders the partner to do something and returns the mailbox of its answers.
  ask(peer, order, headers = {}, body = '') {
    const to = this.name();
    const answers = peer.subscribe(to);
    peer.send('/queue/to-go', body, { order, 'reply-to': to, ...headers });
    return answers;
  }

  // echo has the partner send a body back, and returns the message.
  async echo(peer, body, headers = {}) {
    return this.ask(peer, 'echo', headers, body).next('the echo');
  }

  // publish has the partner send the bodies 1 to n.
  async publish(peer, to, n) {
    const answer = await this.ask(peer, 'publish', { to, count: n }).next('the partner to publish');
    if (answer.body !== 'done') {
      throw new Error(`the partner answered ${answer.body}`);
    }
  }

  // watch has the partner forward what comes to a destination, each message with its
  // redelivered header, up to the body "last". It returns the mailbox once the partner
  // has subscribed.
  async watch(peer, from) {
    const answers = this.ask(peer, 'watch', { from });
    const first = await answers.next('the partner to subscribe');
    if (first.body !== 'ready') {
      throw new Error(`the partner answered ${first.body}`);
    }
    return answers;
  }

  async clear() {
    await Promise.all(this.#peers.map(peer => peer.vanish()));
  }
}

export function sum(body) {
  return createHash('sha256').update(body).digest('hex');
}
