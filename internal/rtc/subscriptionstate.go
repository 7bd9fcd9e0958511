package rtc

// subscriptionState is the state of a subscription between its start and its end.
type subscriptionState uint8

const (
	subscriptionNegotiating subscriptionState = iota // it is not known yet which codecs the client takes
	subscriptionBound                                // the connection has negotiated; the answer may still be on its way
	subscriptionUnplayable                           // the client takes none of the track's codecs
	subscriptionReady                                // media may follow, once the connection works and a codec comes
	subscriptionPlaying                              // the DownTrack is started
	subscriptionEnded                                // the subscriber does not receive the track any more
)

// subscriptionEvent is something that changes the state of a subscription.
type subscriptionEvent uint8

const (
	connectionNegotiated subscriptionEvent = iota // the connection has negotiated
	codecsRefused                                 // the client was found to take none of the track's codecs
	clientReady                                   // the client knows of the media section
	mediaReady                                    // the connection works, and the DownTrack is fed in a codec the client takes
	subscriptionDetached                          // the subscription ends
)

// subscriptionEffect is the action that follows from an event.
type subscriptionEffect uint8

const (
	noEffect    subscriptionEffect = iota
	refuseTrack                    // tell the client that it cannot play the track, and unsubscribe it
	tryStart                       // see whether media can flow already
	startMedia                     // start the DownTrack
	stopMedia                      // stop it
)

// next returns the state after an event, and the event's effect. What the subscriber shows and what its bandwidth allows
// do not matter here: see subscriptionInputs.
func (s subscriptionState) next(e subscriptionEvent) (subscriptionState, subscriptionEffect) {
	if s == subscriptionEnded {
		return s, noEffect
	}
	switch e {
	case subscriptionDetached:
		return subscriptionEnded, stopMedia
	case connectionNegotiated:
		if s == subscriptionNegotiating {
			return subscriptionBound, noEffect
		}
	case codecsRefused:
		if s != subscriptionNegotiating && s != subscriptionUnplayable {
			return subscriptionUnplayable, refuseTrack
		}
	case clientReady:
		if s == subscriptionBound {
			return subscriptionReady, tryStart
		}
	case mediaReady:
		if s == subscriptionReady {
			return subscriptionPlaying, startMedia
		}
	}
	return s, noEffect
}
