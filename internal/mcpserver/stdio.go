package mcpserver

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// maxMessage bounds one message on stdio, in bytes. It is far above what any
// tool takes, so that a program of many megabytes still gets the tool's answer.
const maxMessage = 64 << 20

// lineConn is a connection of one JSON message a line. Unlike the SDK's it
// outlives bad input: what is no message is answered with an error.
type lineConn struct {
	in  *bufio.Reader
	max int

	mu  sync.Mutex // serialises writes
	out io.Writer
}

func newLineConn(in io.Reader, out io.Writer) *lineConn {
	return &lineConn{in: bufio.NewReaderSize(in, 64<<10), out: out, max: maxMessage}
}

// read returns the next message. Lines that hold none are answered and skipped.
// The error is io.EOF or the reader's.
func (c *lineConn) read() (jsonrpc.Message, error) {
	for {
		line, long, err := c.line()
		switch {
		case long:
			c.refuse(jsonrpc.CodeInvalidRequest, fmt.Sprintf("message longer than %d bytes", c.max))
		case len(line) > 0:
			msg, bad := c.decode(line)
			if bad == nil {
				return msg, nil
			}
			c.refuse(bad.Code, bad.Message)
		}
		if err != nil {
			return nil, err
		}
	}
}

// line reads up to a newline. A line that is longer than the limit is read to
// its end and reported as long.
func (c *lineConn) line() (line []byte, long bool, err error) {
	for {
		part, err := c.in.ReadSlice('\n')
		if len(line)+len(part) > c.max {
			line, long = nil, true
		}
		if !long {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return trimSpace(line), long, err
		}
	}
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r' || b[len(b)-1] == ' ') {
		b = b[:len(b)-1]
	}
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

func (c *lineConn) decode(line []byte) (jsonrpc.Message, *jsonrpc.Error) {
	msg, err := jsonrpc.DecodeMessage(line)
	switch {
	case err == nil:
	case !json.Valid(line):
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeParseError, Message: "this line is not JSON"}
	case line[0] == '[':
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "batches are not supported: send one message a line"}
	default:
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: fmt.Sprintf("not a JSON-RPC 2.0 message: %v", err)}
	}
	if r, ok := msg.(*jsonrpc.Request); ok && r.Method == "" {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "a request needs a method"}
	}
	return msg, nil
}

// refuse answers a line whose sender cannot be known.
func (c *lineConn) refuse(code int64, text string) {
	data, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": nil,
		"error": map[string]any{"code": code, "message": text}})
	if err == nil {
		c.writeLine(data)
	}
}

// write sends a message.
func (c *lineConn) write(_ context.Context, msg jsonrpc.Message) error {
	data, err := jsonrpc.EncodeMessage(msg)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	return c.writeLine(data)
}

func (c *lineConn) writeLine(data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.out.Write(append(data, '\n'))
	return err
}
