// A page that is told when what it shows is outdated: see dashboard/live/__init__.py.

const PAUSE_MS = 2_000 // between two showings of new data
const RETRY_MS = 30_000 // after the server took no more listeners

const pages = new WeakMap()

// Streamlit calls this anew for other data and another theme, and what it returned last at the end.
export default function ({ parentElement, data, setTriggerValue }) {
  const show = () => setTriggerValue("show", true)
  const page = pages.get(parentElement) ?? new Page(parentElement)
  pages.set(parentElement, page)
  page.become(data, show)
  return () => {
    if (page.show !== show) return // a call that Streamlit has given up
    page.close()
    pages.delete(parentElement)
  }
}

class Page {
  constructor(parent) {
    this.offer = document.createElement("button")
    this.offer.textContent = "Show new data"
    this.offer.title = "Something changed since this was drawn."
    this.offer.onclick = () => this.showNew()
    this.status = document.createElement("div")
    this.status.role = "status" // so that the offer is read out
    parent.append(this.status)
    this.shownAt = -PAUSE_MS
    this.listen = this.listen.bind(this)
    document.addEventListener("visibilitychange", this.listen)
  }

  become({ path, shown, follows }, show) {
    this.address = `${path}?shown=${encodeURIComponent(shown)}`
    this.follows = follows
    this.show = show
    this.offer.remove()
    this.listen()
  }

  // The server compares at once, so that nothing is missed while nobody listened.
  listen() {
    this.rest()
    if (document.visibilityState === "hidden") return
    this.stream = new EventSource(this.address)
    this.stream.addEventListener("outdated", () => this.learn())
    this.stream.addEventListener("error", () => {
      if (this.stream.readyState === EventSource.CLOSED) this.later(RETRY_MS, this.listen)
    })
  }

  learn() {
    this.rest()
    if (this.follows) this.later(this.shownAt + PAUSE_MS - performance.now(), () => this.showNew())
    else this.status.append(this.offer)
  }

  showNew() {
    this.offer.remove()
    this.shownAt = performance.now()
    this.show()
    this.later(PAUSE_MS, this.listen) // if the page does not become another
  }

  later(delayMs, action) {
    clearTimeout(this.timer)
    this.timer = setTimeout(action, delayMs)
  }

  rest() {
    clearTimeout(this.timer)
    this.stream?.close()
  }

  close() {
    this.rest()
    this.status.remove()
    document.removeEventListener("visibilitychange", this.listen)
  }
}
