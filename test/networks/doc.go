// Package networks creates networks of Linux network namespaces for tests: hosts, links between them, routers with NAT and
// port forwarding, and firewalls. Only root may create them, so all other users skip these tests.
//
// Nothing in the machine's own namespace is changed: links are created inside the namespaces. The end of a test removes its
// namespaces, after the processes in them have ended. The namespaces have no route to the internet.
package networks
