package wire

import "bytes"

// receiptHead is what every server that we know writes before the receipt-id of a RECEIPT.
const receiptHead = Receipt + "\nreceipt-id:"

// Receipt takes the next frame, if it is what nearly every RECEIPT is: one that lies in what was fed from end to end,
// of version 1.1 or 1.2, with its receipt-id as the only entry, and no escape in that. It costs no allocation: the id
// points into what was fed, and is valid for as long as that. Any other frame is left to Next.
func (d *Decoder) Receipt() (id []byte, ok bool) {
	if d.state != between || d.cr || d.from == FromClient || d.version != V11 && d.version != V12 {
		return nil, false
	}
	in := d.in
	for len(in) > 0 && in[0] == '\n' {
		in = in[1:]
	}
	if len(in) < len(receiptHead) || string(in[:len(receiptHead)]) != receiptHead {
		return nil, false
	}
	line := bytes.IndexByte(in[len(receiptHead):], '\n')
	if line < 0 {
		return nil, false
	}
	end := len(receiptHead) + line + 1
	id = in[len(receiptHead) : end-1]
	if len(in) < end+2 || in[end] != '\n' || in[end+1] != 0 || end > d.limits.Header ||
		bytes.IndexByte(id, '\\') >= 0 || bytes.IndexByte(id, '\r') >= 0 || bytes.IndexByte(id, 0) >= 0 {
		return nil, false
	}
	d.beats += uint64(len(d.in) - len(in))
	d.in = in[end+2:]
	return id, true
}
