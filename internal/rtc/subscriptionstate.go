package rtc

// subscriptionState is the state of a subscription. It changes only by subscriptionEvents (see next).
type subscriptionState uint8

const (
	subscriptionNegotiating subscriptionState = iota // the first negotiation has not shown yet which codecs the client can decode
	subscriptionBound                                // the connection has negotiated; the client may not have received the answer yet
	subscriptionUnplayable                           // the client can decode none of the track's codecs
	subscriptionReady                                // media may start when the connection is up and a codec has media
	subscriptionPlaying                              // the DownTrack is started
	subscriptionEnded                                // the subscriber no longer receives the track
)

// subscriptionEvent is an event that may change the state of a subscription.
type subscriptionEvent uint8

const (
	connectionNegotiated subscriptionEvent = iota // the connection has negotiated
	codecsRefused                                 // the negotiation shows that the client can decode none of the track's codecs
	clientReady                                   // the client has had time to apply the answer or has made it
	mediaReady                                    // the connection is up, and the DownTrack has a codec that the client can decode
	subscriptionDetached                          // the subscription ends
)

// subscriptionEffect is the action to take after an event.
type subscriptionEffect uint8

const (
	noEffect    subscriptionEffect = iota
	refuseTrack                    // send the client an error and end the subscription
	tryStart                       // start media if the connection is up and a codec has media
	startMedia                     // start the DownTrack
	stopMedia                      // stop the DownTrack
)

// next returns the state that follows s when the event e occurs, and the effect of e. The state never depends on the
// layers that the subscriber shows or on its bandwidth, so these are stored apart, in subscriptionInputs.
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
