// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"path"
	"strconv"
)

// Exchange is a request that a fault answers.
type Exchange struct {
	Request *http.Request
	Body    []byte // as it was sent, so mostly compressed

	proxy  *Proxy
	writer http.ResponseWriter
}

// Reply is an answer of the engine.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Forward asks the engine. If the engine cannot be reached the reply has status 502.
func (x *Exchange) Forward() Reply { return x.forward(x.Request.Header, x.Body) }

func (x *Exchange) forward(header http.Header, body []byte) Reply {
	r, err := http.NewRequestWithContext(x.Request.Context(), x.Request.Method, x.proxy.target+x.Request.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return unreachable(err)
	}
	r.Header = header.Clone()
	r.Header.Del("Connection")
	response, err := x.proxy.client.Do(r)
	if err != nil {
		return unreachable(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return unreachable(err)
	}
	return Reply{response.StatusCode, response.Header, b}
}

func unreachable(err error) Reply {
	return Reply{http.StatusBadGateway, http.Header{}, fmt.Appendf(nil, `{"error":%q,"status":502}`, err)}
}

// Answer sends an answer.
func (x *Exchange) Answer(status int, header http.Header, body []byte) {
	maps.Copy(x.writer.Header(), header)
	if x.writer.Header().Get("Content-Type") == "" {
		x.writer.Header().Set("Content-Type", "application/json")
	}
	x.writer.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.writer.WriteHeader(status)
	_, _ = x.writer.Write(body) // an error is the client's
}

// Pass lets the engine answer.
func (x *Exchange) Pass() {
	reply := x.Forward()
	x.Answer(reply.Status, reply.Header, reply.Body)
}

// Cut ends the connection after the first n bytes of an answer. With n 0 the client sees a reset.
func (x *Exchange) Cut(reply Reply, n int) {
	conn, rw, err := http.NewResponseController(x.writer).Hijack()
	if err != nil {
		return // it has ended already
	}
	defer conn.Close()
	if n == 0 {
		if tcp, ok := bare(conn).(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		return
	}
	reply.Header.Set("Content-Length", strconv.Itoa(len(reply.Body)))
	reply.Header.Del("Transfer-Encoding")
	w := bufio.NewWriter(rw)
	fmt.Fprintf(w, "HTTP/1.1 %d %s\r\n", reply.Status, http.StatusText(reply.Status))
	_ = reply.Header.Write(w)
	_, _ = w.WriteString("\r\n")
	_, _ = w.Write(reply.Body[:n])
	_ = w.Flush()
	_ = rw.Flush()
}

// bare is the connection below TLS.
func bare(conn net.Conn) net.Conn {
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return c.NetConn()
	}
	return conn
}

// Action is one document of a bulk request.
type Action struct {
	Op    string // create, index
	Index string
	ID    string
	lines []byte // as they are in the request, with their ends
}

// Actions returns what a bulk request holds; nil if it is damaged.
func (x *Exchange) Actions() []Action {
	body, err := plain(x.Request.Header.Get("Content-Encoding"), x.Body)
	if err != nil {
		return nil
	}
	list, err := parseActions(body, path.Base(path.Dir(x.Request.URL.Path)))
	if err != nil {
		return nil
	}
	return list
}

func parseActions(body []byte, index string) ([]Action, error) {
	var list []Action
	for len(body) > 0 {
		action, rest, _ := bytes.Cut(body, []byte{'\n'})
		_, rest, found := bytes.Cut(rest, []byte{'\n'})
		if !found {
			return nil, fmt.Errorf("parse bulk: document %d has no end", len(list))
		}
		var op map[string]struct {
			Index string `json:"_index"`
			ID    string `json:"_id"`
		}
		if err := json.Unmarshal(action, &op); err != nil || len(op) != 1 {
			return nil, fmt.Errorf("parse bulk: bad action %q", action)
		}
		for name, meta := range op {
			if meta.Index == "" {
				meta.Index = index
			}
			list = append(list, Action{name, meta.Index, meta.ID, body[:len(body)-len(rest)]})
		}
		body = rest
	}
	return list, nil
}

// plain undoes a content encoding.
func plain(encoding string, body []byte) ([]byte, error) {
	if encoding != "gzip" {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return b, nil
}

func silent() *log.Logger { return log.New(io.Discard, "", 0) }
