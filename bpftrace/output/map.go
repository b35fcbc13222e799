package output

// MapKind says what a map aggregates, which decides how it is ordered, printed
// and merged with the same map of another host.
type MapKind uint8

// Kinds of maps.
const (
	MapPlain   MapKind = iota // last value assigned, any kind of Value
	MapCount                  // count(): Uint or Int
	MapSum                    // sum(): Int or Uint
	MapMin                    // min(): Int or Uint
	MapMax                    // max(): Int or Uint
	MapAvg                    // avg(): Stats
	MapStats                  // stats(): Stats
	MapHist                   // hist(): Hist
	MapLhist                  // lhist(): Hist
	MapTSeries                // tseries(): TSeries
)

// MapDump is the content of a map at one moment, printed by print(@map) or at
// the end of the program. A dump without entries prints nothing; where print()
// shows a zero for an empty map without a key, the engine adds that entry.
type MapDump struct {
	Meta
	Name      string // with the @
	Kind      MapKind
	Scalar    bool    // the map has no key: at most one entry, with a nil Key
	KeyKinds  []Kind  // kinds of the parts of the key; nil unknown
	ValueKind Kind    // kind of the values; KindNone unknown
	Entries   []Entry // in the order in which they are printed, see Arrange

	Top     int    // as given to print(), 0 all
	Div     int    // as given to print(), 0 or 1 none; values are divided already
	Omitted int    // entries left out because of Top or of a limit
	Dropped uint64 // updates that the kernel refused because the map was full
	Final   bool   // printed because the program ended
}

// Entry is one key and its value. A key of several parts is a Tuple.
type Entry struct {
	Key   Value
	Value Value
}
