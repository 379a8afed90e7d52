"""A server of one recording by RTSP (RFC 2326), as a camera in the network is."""

import socketserver
import threading
from contextlib import contextmanager

import av

SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=clip\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\n"
"""One track: a transport stream within RTP."""


class Session(socketserver.StreamRequestHandler):
    """Answers a player, and sends the recording to its port at PLAY."""

    def handle(self):
        while request := self.rfile.readline().decode().split():
            headers = {}
            while line := self.rfile.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            self.answer(request[0], request[1], headers)
            if request[0] == "PLAY":
                return  # the end of the connection is that of the recording

    def answer(self, method, address, headers):
        status, body = "200 OK", ""
        said = {"CSeq": headers["cseq"], "Session": "1"}
        if self.server.recording.name not in address:
            status = "404 Not Found"
        elif method == "DESCRIBE":
            body = SDP
            said |= {"Content-Type": "application/sdp", "Content-Length": str(len(body))}
        elif method == "SETUP" and "TCP" not in headers["transport"]:
            status = "461 Unsupported Transport"  # UDP may lose packets, even here
        elif method == "SETUP":
            said["Transport"] = headers["transport"]
        lines = [f"RTSP/1.0 {status}", *(f"{name}: {value}" for name, value in said.items())]
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        if method == "PLAY" and status == "200 OK":
            self.play()

    def play(self):
        with (
            av.open(str(self.server.recording)) as recording,
            av.open(Interleaved(self.wfile), "w", format="rtp_mpegts", buffer_size=1472) as sent,
        ):
            tracks = [sent.add_stream_from_template(s, opaque=True) for s in recording.streams]
            for packet in recording.demux():
                if packet.size:
                    packet.stream = tracks[packet.stream.index]
                    sent.mux(packet)


class Interleaved:
    """RTP and RTCP packets within the connection, by section 10.12."""

    def __init__(self, connection):
        self.connection = connection

    def write(self, packet):
        channel = int(200 <= packet[1] <= 204)  # what RTCP's types are
        self.connection.write(b"$" + bytes([channel]) + len(packet).to_bytes(2) + packet)


@contextmanager
def rtsp_server(recording):
    """Serve a transport stream as long as the `with` statement lasts; gives its address."""
    socketserver.TCPServer.allow_reuse_address = True
    with socketserver.TCPServer(("127.0.0.1", 0), Session) as server:
        server.recording = recording
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"rtsp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
