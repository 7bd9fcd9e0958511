// Package metrics turns what a server counts into Prometheus's text. Nothing is pushed but what happens once in a
// while; everything else is read from its owner when somebody asks. No label has more values than the code knows: none
// names a room or a person.
package metrics
