package broker

import (
	"fmt"
	"strconv"
)

// OpenMQVersion is the version of Eclipse OpenMQ that NewOpenMQ starts.
const OpenMQVersion = "6.3.0"

// OpenMQ is an embedded Eclipse OpenMQ with STOMP over WebSocket. Its user guest,
// passcode guest, may do everything except use the queue forbidden.
type OpenMQ struct {
	*javaServer
	mapper, ws int
}

// NewOpenMQ prepares a server in dir. The error is a *Missing if Java or Maven are not
// installed.
func NewOpenMQ(dir string) (*OpenMQ, error) {
	o := &OpenMQ{}
	if err := takePorts(&o.mapper, &o.ws); err != nil {
		return nil, err
	}
	var err error
	if o.javaServer, err = newJavaServer("openmq", "pom-"+OpenMQVersion+".xml", dir, o.mapper, o.ws); err != nil {
		return nil, fmt.Errorf("preparing OpenMQ: %w", err)
	}
	o.name, o.main = "OpenMQ", "OpenMQ"
	o.args = []string{o.dir, strconv.Itoa(o.mapper), strconv.Itoa(o.ws)}
	return o, nil
}

// URL is the only endpoint.
func (o *OpenMQ) URL() string { return webSocketURL(o.ws) + "/wsjms/mqstomp" }
